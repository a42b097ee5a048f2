"""The deployed stack with its schedules off: every run is one that the test, or a run, started.

What counts runs, or looks for events in a certain run, can't be told beside a schedule, whose ticks
would take the events first. One deployment serves all tests of this module, in their order: each
looks at what is new since the one before it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from simulator.deployment import LocalDeployment
from simulator.reconciliation import message_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.stack import Invocation, Run

MISSING = "first_attachment"


@pytest.fixture(scope="module")
def deployment(built: Path) -> Iterator[LocalDeployment]:
    """Give a stack of all streams that nobody starts but by hand, credentials in their secret."""
    with LocalDeployment(built=built) as local:
        local.deploy(EventTypes=",".join(STREAMS), ScheduleState="DISABLED", IdleSeconds="1")
        local.stack.put_credentials(local.credentials)
        yield local


def test_one_token_serves_all_streams(deployment: LocalDeployment) -> None:
    """The first stream's run mints a token for the scopes of all; the others' find it."""
    for event_type in STREAMS:
        assert invoke(deployment, event_type).error is None
    assert deployment.token_server.minted == 1
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
    deployment.deploy(MaxEvents="50", BacklogRuns="3", EventsPerMessage="10")
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
    # What isn't named stays as it was. A busy machine can keep a run from what has arrived for
    # seconds: were they its idle time, the server would send that again.
    deployment.deploy(
        MaxEvents="10000",
        BacklogRuns="0",
        IdleSeconds="8",
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


def test_replay_sends_the_archive_again(deployment: LocalDeployment) -> None:
    """The stack's own function sends what is archived once more, with the drain's bodies.

    It may only count unless it is told to send, and has no right but to read lines and to send.
    """
    lines = {line["event_id"]: line for line in deployment.archive_lines()}
    assert replay(deployment, {})["events"] == len(lines)
    assert deployment.take_messages() == []

    report = replay(deployment, {"dry_run": False, "name": "made-up-replay", "rate": 0})

    assert (report["is_done"], report["error"]) == (True, None)
    taken = deployment.take_messages()
    again = [line for message in taken for line in message_lines(message["Body"])]
    assert {line["event_id"]: line for line in again} == lines
    assert len(again) == len(lines)
    names = {message["MessageAttributes"]["replayed"]["StringValue"] for message in taken}
    assert names == {"made-up-replay"}


def replay(deployment: LocalDeployment, event: dict[str, Any]) -> dict[str, Any]:
    """Invoke the function that replays, and give its answer."""
    answer = deployment.aws.client("lambda").invoke(
        FunctionName=deployment.stack.outputs["ReplayEventsFunctionName"],
        Payload=json.dumps(event).encode(),
    )
    assert answer.get("FunctionError") is None
    report: dict[str, Any] = json.loads(answer["Payload"].read())
    return report


def test_fifo_queue(deployment: LocalDeployment) -> None:
    """With a FIFO queue a message's group is its subscription and its deduplication id its event.

    The parameter replaces the queue; nothing else needs to be known of it.
    """
    deployment.deploy(FifoQueue="true", Pullers="1", EventsPerMessage="1")
    deployment.event_server.publish_made_up(DEFAULT_EVENT_TYPE, 50, seed=1)
    assert deployment.stack.outputs["OutboxQueueUrl"].endswith(".fifo")
    invocation = invoke(deployment, DEFAULT_EVENT_TYPE)
    assert (invocation.error, invocation.payload["acked"]) == (None, 50)
    taken = deployment.take_messages()
    assert len(taken) == 50
    for message in taken:
        line = json.loads(message["Body"])
        assert message["Attributes"]["MessageGroupId"] == line["subscription_id"]
        assert message["Attributes"]["MessageDeduplicationId"] == line["event_id"]


def invoke(deployment: LocalDeployment, event_type: str) -> Invocation:
    """Run the function over one stream, as its schedule would."""
    return deployment.stack.invoke({"event_type": event_type})


def reports_of(runs: list[Run]) -> list[dict[str, Any]]:
    """Give the reports that runs logged."""
    return [record["report"] for run in runs for record in run.records if "report" in record]
