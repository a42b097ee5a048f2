"""The widgets of the dashboard, in the order of an operator's questions.

The state of every alarm, then: is it alive, is it behind, what fails, what does it cost. It fits
one screen: 24 columns and 19 rows of CloudWatch's grid. Metrics of streams are searched for instead
of listed, because a search finds those streams that have data.
"""

from __future__ import annotations

from typing import Final

from devtools.dashboard.entries import (
    PERIOD_SECONDS,
    Widget,
    all_streams,
    each_stream,
    graph,
    of_lambda,
    of_stack,
    sum_of_streams,
)
from drainctl.plan import prices

COLUMNS: Final = 24


def widgets(alarms: str) -> list[Widget]:
    """Return the widgets in the structure of CloudWatch's dashboard body.

    Args:
        alarms: A placeholder for the list of the alarms' ARNs.
    """
    rows: list[tuple[int, list[Widget]]] = [
        (4, [_alarms(alarms)]),
        (5, [_completed(), _ages(), _flow(), _waiting()]),
        (5, [_failed_runs(), _failed_events(), _redelivered(), _dead_letters()]),
        (5, [_cost(), _run_times()]),
    ]
    placed: list[Widget] = []
    y = 0
    for height, row in rows:
        width = COLUMNS // len(row)
        for index, widget in enumerate(row):
            placed.append({**widget, "x": index * width, "y": y, "width": width, "height": height})
        y += height
    return placed


def _alarms(alarms: str) -> Widget:
    return {
        "type": "alarm",
        "properties": {"title": "Alarms: docs/alarms.md says what to do", "alarms": alarms},
    }


def _completed() -> Widget:
    return graph(
        "Is it alive? Completed runs",
        [each_stream("Completed", "Sum")],
    )


def _ages() -> Widget:
    return graph(
        "Is it behind? Oldest event on arrival, seconds",
        [each_stream("OldestEventAge", "Maximum")],
        lines=[("alarm", "@${OldestEventAgeSeconds}"), ("the server forgets", 1800)],
    )


def _flow() -> Widget:
    return graph(
        "Is it behind? Events",
        [all_streams("Received", "received"), all_streams("Acked", "acked")],
    )


def _waiting() -> Widget:
    return graph(
        "Is it behind? Runs that left events waiting",
        [each_stream("Backlog", "Sum")],
    )


def _failed_runs() -> Widget:
    return graph(
        "What fails? Runs",
        [
            of_lambda("Errors", "Sum", "errors"),
            of_lambda("Throttles", "Sum", "throttles"),
            of_lambda("AsyncEventsDropped", "Sum", "starts dropped or failed"),
            all_streams("StartsFailed", "starts that failed"),
            of_stack("AuthenticationFailed", "authentication failed"),
            of_stack("TokenRenewalFailed", "token renewal failed"),
            of_stack("TokenTooShort", "token too short-lived to share"),
        ],
    )


def _failed_events() -> Widget:
    return graph(
        "What fails? Events left or set aside",
        [
            all_streams("ArchiveFailed", "not written to S3"),
            all_streams("OutboxFailed", "not sent to SQS"),
            all_streams("AckFailed", "ack not confirmed"),
            all_streams("Quarantined", "quarantined"),
        ],
    )


def _redelivered() -> Widget:
    share = f"100 * {sum_of_streams('Redelivered')} / {sum_of_streams('Received')}"
    return graph(
        "What fails? Redelivered, % of received",
        [[{"expression": share, "label": "redelivered"}]],
        lines=[("alarm", 50)],
    )


def _dead_letters() -> Widget:
    metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName")
    return graph(
        "What fails? Dead letters",
        [
            [*metric, "${OutboxDeadLetterQueueName}", {"stat": "Maximum", "label": "queue"}],
            [*metric, "${ScheduleDeadLetterQueueName}", {"stat": "Maximum", "label": "schedule"}],
        ],
    )


def _cost() -> Widget:
    """Return single values for the selected time range.

    SQS bills calls; a batch of ten messages is one call. docs/scale.md has the costs that don't
    depend on events: mainly metrics, alarms and this dashboard.
    """
    gb_seconds = "duration / 1000 * ${MemorySize} / 1024"
    dollars = (
        f"{gb_seconds} * ${{GbSecond}} + runs * {prices.LAMBDA_REQUEST:.7f}"
        f" + puts * {prices.S3_PUT:.6f} + events / 10 * {prices.SQS_REQUEST:.7f}"
    )
    return {
        "type": "metric",
        "properties": {
            "title": "What does it cost? In the time shown",
            "view": "singleValue",
            "region": "${AWS::Region}",
            "stat": "Sum",
            "period": PERIOD_SECONDS,
            "setPeriodToTimeRange": True,
            "metrics": [
                [{"expression": dollars, "id": "dollars", "label": "about $, us-east-1"}],
                [{"expression": gb_seconds, "id": "gb", "label": "Lambda GB-seconds"}],
                of_lambda("Invocations", "Sum", "runs", id="runs"),
                all_streams("Batches", "S3 PUTs", id="puts"),
                all_streams("Committed", "events", id="events"),
                of_lambda("Duration", "Sum", "milliseconds", id="duration", visible=False),
            ],
        },
    }


def _run_times() -> Widget:
    return graph(
        "What does it cost? Longest run, seconds",
        [each_stream("RunTime", "Maximum")],
        lines=[("time-out", "@${FunctionTimeoutSeconds}")],
    )
