"""The deployed stack with all streams of the API, each drained by its own schedule.

One deployment serves all tests of this module, in their order: each looks at what is new since the
one before it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from drainctl.plan import rules
from eventdrain.events import STREAMS
from simulator.aws.sam import StackError
from simulator.deployment import LocalDeployment
from simulator.reconciliation import reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.stack import Run

EVENTS = 200
ALL = ",".join(STREAMS)


@pytest.fixture(scope="module")
def deployment(built: Path) -> Iterator[LocalDeployment]:
    """Give a stack that drains all streams, each into a queue of its own, with events waiting."""
    with LocalDeployment(built=built) as local:
        local.deploy(EventTypes=ALL, QueuePerStream="true", IdleSeconds="1")
        local.stack.put_credentials(local.credentials)
        for event_type in STREAMS:
            local.event_server.publish_made_up(event_type, EVENTS)
        yield local


@pytest.fixture(scope="module")
def scheduled_runs(deployment: LocalDeployment) -> list[Run]:
    """Give each stream's first run. One may run again before another's first has ended."""
    first: dict[str, Run] = {}
    ended = 0
    while len(first) < len(STREAMS) and ended < 3 * len(STREAMS):
        for run in (runs := deployment.stack.wait_for_runs(ended + 1)):
            for report in reports_of([run]):
                first.setdefault(report["event_type"], run)
        ended = len(runs)
    return list(first.values())


@pytest.fixture(scope="module")
def messages(
    deployment: LocalDeployment, scheduled_runs: list[Run]
) -> dict[str, list[dict[str, Any]]]:
    """Give the messages of those runs by queue, which receiving takes out of them."""
    assert scheduled_runs
    return deployment.take_messages_by_queue()


def test_each_stream_has_a_schedule_of_its_own(scheduled_runs: list[Run]) -> None:
    """Every stream is drained by a run that nobody but its schedule started."""
    reports = reports_of(scheduled_runs)
    assert {report["event_type"]: report["acked"] for report in reports} == dict.fromkeys(
        STREAMS, EVENTS
    )
    assert {report["end_reason"] for report in reports} == {"idle"}


def test_books_of_all_streams_balance(
    deployment: LocalDeployment, messages: dict[str, list[dict[str, Any]]]
) -> None:
    """The same events of all five streams, each once, are in S3, in SQS and acked."""
    everything = [message for queue in messages.values() for message in queue]
    books = reconcile(deployment.event_server.ledger(), deployment.archive_lines(), everything)
    assert len(books.published) == EVENTS * len(STREAMS)
    assert books.is_balanced
    assert books.copies == 0


def test_each_stream_has_a_prefix_of_its_own(deployment: LocalDeployment) -> None:
    """Each stream's lines lie below its own name, and say so."""
    for key, _ in deployment.archive_keys():
        assert key.split("/")[1] in STREAMS
    assert Counter(line["event_type"] for line in deployment.archive_lines()) == dict.fromkeys(
        STREAMS, EVENTS
    )


def test_each_stream_has_a_queue_of_its_own(
    messages: dict[str, list[dict[str, Any]]],
) -> None:
    """A queue has the events of one stream, and the one that all would share has none."""
    assert messages.pop("OutboxQueueUrl") == []
    assert len(messages) == len(STREAMS)
    types = {
        name: {message["MessageAttributes"]["event_type"]["StringValue"] for message in queue}
        for name, queue in messages.items()
    }
    assert types == {
        f"{event_type.title().replace('_', '')}QueueUrl": {event_type} for event_type in STREAMS
    }


def test_each_stream_has_metrics_and_alarms_of_its_own(
    deployment: LocalDeployment, scheduled_runs: list[Run]
) -> None:
    """Metrics are emitted with the dimensions that the alarms look at, stream by stream."""
    emitted = {
        (record["event_type"], record["service"], name)
        for run in scheduled_runs
        for record in run.records
        if "_aws" in record
        for name in record
    }
    alarms = deployment.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    looked_at = [
        metric
        for alarm in alarms
        for metric in [
            alarm,
            *(it.get("MetricStat", {}).get("Metric", {}) for it in alarm.get("Metrics", ())),
        ]
        if metric.get("Namespace") == "EventDrain"
    ]
    own = [
        ({each["Name"]: each["Value"] for each in metric["Dimensions"]}, metric["MetricName"])
        for metric in looked_at
    ]
    by_stream = [each for each in own if "event_type" in each[0]]
    assert len(by_stream) == rules.ALARM_METRICS_PER_STREAM * len(STREAMS)
    for dimensions, name in by_stream:
        if name not in ("EndedByFailed", "Backlog"):  # of runs that fail or fall behind: none did
            assert (dimensions["event_type"], dimensions["service"], name) in emitted


def test_streams_come_and_go(deployment: LocalDeployment) -> None:
    """On a live stack a stream that is taken out is not scheduled any more, and one put in is."""
    for event_types in ("handset_change", "handset_change,consent_change"):
        deployment.deploy(EventTypes=event_types)
        scheduler = deployment.aws.client("scheduler")
        inputs = [
            json.loads(scheduler.get_schedule(Name=each["Name"])["Target"]["Input"])
            for each in scheduler.list_schedules()["Schedules"]
        ]
        scheduled = Counter(each["event_type"] for each in inputs)
        assert scheduled == dict.fromkeys(event_types.split(","), 2), "to drain and to compact"


def test_unknown_stream_is_refused_at_deployment(deployment: LocalDeployment) -> None:
    """A stream that doesn't exist never gets as far as a run."""
    with pytest.raises(StackError, match="EventTypes"):
        deployment.deploy(EventTypes="handset_change,sim_swap")


def reports_of(runs: list[Run]) -> list[dict[str, Any]]:
    """Give the reports that runs logged."""
    return [record["report"] for run in runs for record in run.records if "report" in record]
