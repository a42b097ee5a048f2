"""The deployed stack with all streams of the API, and with more than one run at a time.

One deployment serves all tests of this module, in their order: each looks at what is new since the
one before it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from eventdrain.streams import STREAMS
from tests.local.books import keep_books, message_lines
from tests.local.deployment import LocalDeployment
from tests.local.stack import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.stack import Invocation, Run

EVENTS = 200
ALL = ",".join(STREAMS)
MISSING = "first_attachment"


@pytest.fixture(scope="module")
def deployment() -> Iterator[LocalDeployment]:
    """Give a stack that drains all streams, each into a queue of its own, with events waiting."""
    with LocalDeployment() as local:
        local.build()
        local.deploy(EventTypes=ALL, QueuePerStream="true", IdleSeconds="1")
        local.stack.put_credentials(local.credentials)
        for event_type in STREAMS:
            local.event_server.publish_made_up(event_type, EVENTS)
        yield local


@pytest.fixture(scope="module")
def scheduled_runs(deployment: LocalDeployment) -> list[Run]:
    """Give the runs that the schedules of all streams started first."""
    return deployment.stack.wait_for_runs(len(STREAMS))[: len(STREAMS)]


@pytest.fixture(scope="module")
def messages(
    deployment: LocalDeployment, scheduled_runs: list[Run]
) -> dict[str, list[dict[str, Any]]]:
    """Give the messages of those runs by queue, which receiving takes out of them."""
    assert scheduled_runs
    return deployment.take_messages_by_queue()


def test_each_stream_has_a_schedule_of_its_own(scheduled_runs: list[Run]) -> None:
    """Within one tick every stream is drained by a run that nobody but its schedule started."""
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
    books = keep_books(deployment.event_server.ledger(), deployment.archive_lines(), everything)
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
    own = [alarm for alarm in alarms if alarm["Namespace"] == "EventDrain"]
    assert len(own) == 3 * len(STREAMS)
    for alarm in own:
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        name = alarm["MetricName"]
        if name != "EndedByFailed":  # emitted by a run that fails, and none did
            assert (dimensions["event_type"], dimensions["service"], name) in emitted


def test_one_token_serves_all_streams(
    deployment: LocalDeployment, scheduled_runs: list[Run]
) -> None:
    """No stream's next run mints a token: each finds one for the scopes of all."""
    assert scheduled_runs
    minted = deployment.token_server.minted
    for event_type in STREAMS:
        assert invoke(deployment, event_type).error is None
    assert deployment.token_server.minted == minted
    wanted = {stream.scope for stream in STREAMS.values() if stream.scope}
    assert deployment.token_server.tokens.issued()[-1].scopes == wanted


@pytest.mark.parametrize("narrows", [True, False], ids=["grants the rest", "refuses the whole"])
def test_missing_scope_fails_its_stream_alone(
    deployment: LocalDeployment, *, narrows: bool
) -> None:
    """A stream whose scope the client may not have is named and fails; the others drain."""
    granted = [
        stream.scope
        for event_type, stream in STREAMS.items()
        if stream.scope and event_type != MISSING
    ]
    deployment.allow_scopes(*granted)
    deployment.token_server.narrows = narrows
    deployment.forget_token()
    for event_type in STREAMS:
        deployment.event_server.publish_made_up(event_type, 20, seed=2 + narrows)

    results = {event_type: invoke(deployment, event_type) for event_type in STREAMS}

    failed = results.pop(MISSING)
    assert failed.error is not None
    assert STREAMS[MISSING].scope in failed.payload["errorMessage"]
    assert {event_type: result.payload.get("acked") for event_type, result in results.items()} == (
        dict.fromkeys(results, 20)
    )


def test_granted_again_catches_up(deployment: LocalDeployment) -> None:
    """Once the scope is granted and the old token gone, the stream has lost nothing."""
    deployment.allow_scopes(*(stream.scope for stream in STREAMS.values() if stream.scope))
    deployment.forget_token()
    invocation = invoke(deployment, MISSING)
    assert (invocation.error, invocation.payload["acked"]) == (None, 40)
    deployment.take_messages()


def test_backlog_is_worked_off_without_the_schedule(deployment: LocalDeployment) -> None:
    """A run that leaves a backlog is followed at once, by others, and by no more than allowed."""
    deployment.deploy(
        ScheduleState="DISABLED",
        MaxEvents="50",
        BacklogRuns="3",
        EventsPerMessage="10",
    )
    deployment.event_server.publish_made_up("country_change", 500, seed=4)
    before = len(deployment.stack.runs())

    assert invoke(deployment, "country_change").payload["acked"] == 50
    runs = deployment.stack.wait_for_runs(before + 4)[before:]

    assert [report["end_reason"] for report in reports_of(runs)] == ["limit"] * 4
    assert sum(report["acked"] for report in reports_of(runs)) == 200
    starts = [record["start"] for run in runs for record in run.records if "start" in record]
    assert [start["backlog_run"] for start in starts] == [1, 2, 3], "and the last started none"


def test_packed_messages_hold_the_archive_s_lines(deployment: LocalDeployment) -> None:
    """With several events to a message its body is their lines, as they are in the archive."""
    taken = deployment.take_messages()
    lines = [line for message in taken for line in message_lines(message["Body"])]
    assert (len(taken), len(lines)) == (20, 200)
    archived = {line["event_id"]: line for line in deployment.archive_lines()}
    assert all(archived[line["event_id"]] == line for line in lines)


def test_pullers_share_the_stream(deployment: LocalDeployment) -> None:
    """The first run starts the other pullers; together they drain each event once."""
    # What isn't named stays as it was.
    deployment.deploy(
        MaxEvents="10000",
        BacklogRuns="0",
        IdleSeconds="2",
        Pullers="3",
        ParallelStreams="2",
    )
    deployment.event_server.publish_made_up("consent_change", 3000, seed=5)
    before = len(deployment.stack.runs())

    invoke(deployment, "consent_change")
    runs = deployment.stack.wait_for_runs(before + 3)[before:]

    reports = reports_of(runs)
    assert [report["connections"] for report in reports] == [2, 2, 2]
    assert sum(report["acked"] for report in reports) == 3000
    assert sum(report["redelivered"] for report in reports) == 0
    ids = [
        line["event_id"]
        for message in deployment.take_messages()
        for line in message_lines(message["Body"])
    ]
    assert len(ids) == len(set(ids)) == 3000


def test_streams_come_and_go(deployment: LocalDeployment) -> None:
    """On a live stack a stream that is taken out is not scheduled any more, and one put in is."""
    for event_types in ("handset_change", "handset_change,consent_change"):
        deployment.deploy(EventTypes=event_types)
        scheduler = deployment.aws.client("scheduler")
        inputs = [
            json.loads(scheduler.get_schedule(Name=each["Name"])["Target"]["Input"])
            for each in scheduler.list_schedules()["Schedules"]
        ]
        assert sorted(each["event_type"] for each in inputs) == sorted(event_types.split(","))


def test_unknown_stream_is_refused_at_deployment(deployment: LocalDeployment) -> None:
    """A stream that doesn't exist never gets as far as a run."""
    with pytest.raises(StackError, match="EventTypes"):
        deployment.deploy(EventTypes="handset_change,sim_swap")


def invoke(deployment: LocalDeployment, event_type: str) -> Invocation:
    """Run the function over one stream, as its schedule would."""
    return deployment.stack.invoke({"event_type": event_type})


def reports_of(runs: list[Run]) -> list[dict[str, Any]]:
    """Give the reports that runs logged."""
    return [record["report"] for run in runs for record in run.records if "report" in record]
