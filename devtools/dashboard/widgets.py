"""The widgets of the dashboard, in the order of an operator's questions.

The state of every alarm, then: is it alive, is it behind, what fails, what does it cost. It fits
one screen: 24 columns and 19 rows of CloudWatch's grid. Metrics of streams are searched for instead
of listed, because a search finds those streams that have data. Most metrics have values only if
there is a problem; a graph shows no value as zero. What would cost a metric of every run is read
from the log.
"""

from __future__ import annotations

from typing import Final

from devtools.dashboard.entries import (
    Widget,
    all_streams,
    each_stream,
    graph,
    of_lambda,
    of_stack,
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
        (5, [_failed_runs(), _failed_events(), _dead_letters()]),
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
        "Is it behind? Oldest event on arrival, seconds, if old",
        [each_stream("OldestEventAge", "Maximum")],
        lines=[("alarm", "@${OldestEventAgeSeconds}"), ("the server forgets", 1800)],
    )


def _flow() -> Widget:
    return graph(
        "Is it behind? Received events",
        [each_stream("Received", "Sum")],
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
            all_streams("Redelivered", "redelivered, if many"),
        ],
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
    """Return a table for the selected time range, computed from the reports and Lambda's lines.

    SQS bills calls; a batch of ten messages is one call. docs/scale.md has the costs that don't
    depend on events: mainly the key, alarms, secrets and metrics.
    """
    gb_seconds = "sum(@billedDuration) / 1000 * ${MemorySize} / 1024"
    dollars = (
        f"{gb_seconds} * ${{GbSecond}} + count(@billedDuration) * {prices.LAMBDA_REQUEST:.7f}"
        f" + sum(report.batches) * {prices.S3_PUT:.6f}"
        f" + sum(report.acked) / 10 * {prices.SQS_REQUEST:.7f}"
    )
    query = (
        "SOURCE '${LogGroupName}' | filter @type = 'REPORT' or ispresent(report.batches)"
        f" | stats {dollars} as about_dollars_us_east_1, {gb_seconds} as lambda_gb_seconds,"
        " count(@billedDuration) as runs, sum(report.batches) as s3_puts,"
        " sum(report.acked) as events"
    )
    return {
        "type": "log",
        "properties": {
            "title": "What does it cost? In the time shown",
            "view": "table",
            "region": "${AWS::Region}",
            "query": query,
        },
    }


def _run_times() -> Widget:
    return graph(
        "What does it cost? Longest run, seconds",
        [
            [{"expression": "duration / 1000", "label": "longest run"}],
            of_lambda("Duration", "Maximum", "milliseconds", id="duration", visible=False),
        ],
        lines=[("time-out", "@${FunctionTimeoutSeconds}")],
    )
