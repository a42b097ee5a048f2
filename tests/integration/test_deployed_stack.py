"""The deployed stack, end to end: what `make run` shows, and the effect of each parameter.

The tests of this module share one deployment and depend on their order: each checks what is new
since the one before. The schedules are off until the last part, as their runs would take the
events.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from drainctl.plan import rules
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from simulator.deployment import LocalDeployment
from simulator.reconciliation import message_lines, reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.aws import Invocation, Run

MISSING: Final = "first_attachment"
EVENTS: Final = 200


@pytest.fixture(scope="module")
def deployment(plainly_built: Path) -> Iterator[LocalDeployment]:
    """Deploy all streams as a user does, with credentials, and with the schedules off."""
    with LocalDeployment(built=plainly_built) as local:
        local.deploy(EventTypes=",".join(STREAMS), ScheduleState="DISABLED", IdleSeconds="1")
        local.stack.put_credentials(local.credentials)
        yield local


def invoke(deployment: LocalDeployment, event_type: str = DEFAULT_EVENT_TYPE) -> Invocation:
    """Run the function over one stream, as its schedule does."""
    return deployment.stack.invoke({"event_type": event_type})


def reports_of(runs: list[Run]) -> list[dict[str, Any]]:
    """Return the reports that runs logged."""
    return [record["report"] for run in runs for record in run.records if "report" in record]


def read_lines(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines that messages hold."""
    return [line for message in messages for line in message_lines(message["Body"])]


# --- Tokens ---


def test_one_token_serves_all_streams(deployment: LocalDeployment) -> None:
    """The first run mints a token for the scopes of all streams, which the other runs use.

    A run without events writes nothing.
    """
    for event_type in STREAMS:
        invocation = invoke(deployment, event_type)
        assert (invocation.error, invocation.payload["end_reason"]) == (None, "idle")
    assert deployment.token_server.minted == 1
    wanted = {stream.scope for stream in STREAMS.values() if stream.scope}
    assert deployment.token_server.tokens.issued()[-1].scopes == wanted
    assert (deployment.archive_keys(), deployment.take_messages()) == ([], [])


def test_malformed_secret_fails_the_run(deployment: LocalDeployment) -> None:
    """The function's error names the secret and its required form, not its content."""
    deployment.stack.put_credentials({"client_id": "a", "client_password": "made-up-password"})
    deployment.discard_environments()
    invocation = invoke(deployment)
    deployment.stack.put_credentials(deployment.credentials)
    message = invocation.payload["errorMessage"]
    assert invocation.error is not None
    assert deployment.stack.outputs["CredentialsSecretArn"] in message
    assert '{"client_id": "...", "client_secret": "..."}' in message
    assert "made-up-password" not in json.dumps(invocation.payload)


@pytest.mark.parametrize("narrows", [True, False], ids=["grants the rest", "refuses the whole"])
def test_missing_scope_fails_its_stream_alone(
    deployment: LocalDeployment, *, narrows: bool
) -> None:
    """The stream whose scope is not granted fails, with an error that names it; others drain."""
    granted = [
        stream.scope
        for event_type, stream in STREAMS.items()
        if stream.scope and event_type != MISSING
    ]
    deployment.allow_scopes(*granted)
    deployment.token_server.narrows = narrows
    deployment.delete_cached_token()
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
    """Once the scope is granted and the old token deleted, the stream has lost nothing."""
    deployment.allow_scopes(*(stream.scope for stream in STREAMS.values() if stream.scope))
    deployment.delete_cached_token()
    invocation = invoke(deployment, MISSING)
    assert (invocation.error, invocation.payload["acked"]) == (None, 40)
    deployment.take_messages()


# --- Runs that start others, and messages ---


def test_backlog_is_drained_without_the_schedule(deployment: LocalDeployment, built: Path) -> None:
    """A run that leaves a backlog starts another one at once, up to the limit.

    With several events per message, the body has their lines as in the archive.
    """
    deployment.stack.deploy(
        built, {"MaxEvents": "50", "BacklogRuns": "3", "EventsPerMessage": "10"}
    )
    deployment.event_server.publish_made_up("country_change", 500, seed=4)
    before = len(deployment.stack.runs())

    assert invoke(deployment, "country_change").payload["acked"] == 50
    runs = deployment.stack.wait_for_runs(before + 4)[before:]

    assert [report["end_reason"] for report in reports_of(runs)] == ["limit"] * 4
    assert sum(report["acked"] for report in reports_of(runs)) == 200
    starts = [record["start"] for run in runs for record in run.records if "start" in record]
    assert [start["backlog_run"] for start in starts] == [1, 2, 3], "the last one started none"

    taken = deployment.take_messages()
    assert len(read_lines(taken)) == 200
    assert 20 <= len(taken) < 50  # a batch that doesn't linger may have fewer than ten
    archived = {line["event_id"]: line for line in deployment.archive_lines()}
    assert all(archived[line["event_id"]] == line for line in read_lines(taken))


def test_concurrent_runs_share_the_stream(deployment: LocalDeployment, built: Path) -> None:
    """The first run starts the other ones; together they drain each event once."""
    # On a busy machine a run may not process arrived events for seconds. If the idle time were
    # shorter, it would end, and the server would redeliver them.
    changes = {"MaxEvents": "10000", "BacklogRuns": "0", "IdleSeconds": "8"}
    deployment.stack.deploy(built, {**changes, "Pullers": "3", "ParallelStreams": "2"})
    deployment.event_server.publish_made_up("consent_change", 3000, seed=5)
    before = len(deployment.stack.runs())

    invoke(deployment, "consent_change")
    runs = deployment.stack.wait_for_runs(before + 3)[before:]

    reports = reports_of(runs)
    assert [report["connections"] for report in reports] == [2, 2, 2]
    assert sum(report["acked"] for report in reports) == 3000
    assert sum(report["redelivered"] for report in reports) == 0
    ids = [line["event_id"] for line in read_lines(deployment.take_messages())]
    assert len(ids) == len(set(ids)) == 3000


def test_replay_sends_the_archive_again(deployment: LocalDeployment) -> None:
    """The replay function sends archived events again, with the drain's message bodies.

    It only counts unless the event has ``dry_run: false``.
    """
    lines = {line["event_id"]: line for line in deployment.archive_lines()}
    assert replay(deployment, {})["events"] == len(lines)
    assert deployment.take_messages() == []

    report = replay(deployment, {"dry_run": False, "name": "made-up-replay", "rate": 0})

    assert (report["is_done"], report["error"]) == (True, None)
    taken = deployment.take_messages()
    again = read_lines(taken)
    assert {line["event_id"]: line for line in again} == lines
    assert len(again) == len(lines)
    names = {message["MessageAttributes"]["replayed"]["StringValue"] for message in taken}
    assert names == {"made-up-replay"}


def replay(deployment: LocalDeployment, event: dict[str, Any]) -> dict[str, Any]:
    """Invoke the replay function, and return its answer."""
    answer = deployment.aws.client("lambda").invoke(
        FunctionName=deployment.stack.outputs["ReplayEventsFunctionName"],
        Payload=json.dumps(event).encode(),
    )
    assert answer.get("FunctionError") is None
    report: dict[str, Any] = json.loads(answer["Payload"].read())
    return report


def test_fifo_queue(deployment: LocalDeployment, built: Path) -> None:
    """In a FIFO queue the group is the subscription, and the deduplication id the event id."""
    changes = {"FifoQueue": "true", "Pullers": "1", "ParallelStreams": "1", "IdleSeconds": "1"}
    deployment.stack.deploy(built, {**changes, "EventsPerMessage": "1"})
    deployment.event_server.publish_made_up(DEFAULT_EVENT_TYPE, 50, seed=1)
    assert deployment.stack.outputs["OutboxQueueUrl"].endswith(".fifo")
    invocation = invoke(deployment)
    assert (invocation.error, invocation.payload["acked"]) == (None, 50)
    taken = deployment.take_messages()
    assert len(taken) == 50
    for message in taken:
        line = json.loads(message["Body"])
        assert message["Attributes"]["MessageGroupId"] == line["subscription_id"]
        assert message["Attributes"]["MessageDeduplicationId"] == line["event_id"]


# --- Schedules ---


@pytest.fixture(scope="module")
def scheduled_runs(deployment: LocalDeployment, built: Path) -> list[Run]:
    """Switch the schedules on, with a queue for each stream, and return each stream's first run."""
    deployment.stack.deploy(
        built, {"ScheduleState": "ENABLED", "QueuePerStream": "true", "FifoQueue": "false"}
    )
    for event_type in STREAMS:
        deployment.event_server.publish_made_up(event_type, EVENTS, seed=6)
    ended = len(deployment.stack.runs())
    first: dict[str, Run] = {}
    while len(first) < len(STREAMS):
        runs = deployment.stack.wait_for_runs(ended + 1)
        for run in runs[ended:]:
            for report in reports_of([run]):
                if report["received"]:
                    first.setdefault(report["event_type"], run)
        ended = len(runs)
    return list(first.values())


@pytest.fixture(scope="module")
def queues(
    deployment: LocalDeployment, scheduled_runs: list[Run]
) -> dict[str, list[dict[str, Any]]]:
    """Return the messages of those runs, by queue."""
    assert scheduled_runs
    return deployment.take_messages_by_queue()


def test_each_stream_has_a_schedule_of_its_own(scheduled_runs: list[Run]) -> None:
    """Every stream is drained by a run that its schedule started."""
    for report in reports_of(scheduled_runs):
        assert report["end_reason"] == "idle"
        assert report["received"] == report["acked"] >= EVENTS


def test_each_stream_has_a_queue_of_its_own(queues: dict[str, list[dict[str, Any]]]) -> None:
    """A stream's queue receives its events, and the shared queue none."""
    assert queues["OutboxQueueUrl"] == []
    types = {
        name: {message["MessageAttributes"]["event_type"]["StringValue"] for message in queue}
        for name, queue in queues.items()
        if queue
    }
    assert types == {
        f"{event_type.title().replace('_', '')}QueueUrl": {event_type} for event_type in STREAMS
    }


def test_places_reconcile(
    deployment: LocalDeployment, queues: dict[str, list[dict[str, Any]]]
) -> None:
    """Every event is acked, and is in S3 once, below its stream's prefix, and in one message."""
    lines = deployment.archive_lines()
    messages = [message for queue in queues.values() for message in queue]
    reconciliation = reconcile(deployment.event_server.ledger(), lines, messages)
    assert reconciliation.published == reconciliation.acked == reconciliation.archived.keys()
    assert reconciliation.copies == 0
    assert {key.split("/")[1] for key, _ in deployment.archive_keys()} == set(STREAMS)
    by_id = {line["event_id"]: line for line in lines}
    for message in messages:
        event_id = message["MessageAttributes"]["event_id"]["StringValue"]
        assert json.loads(message["Body"]) == by_id[event_id]


def test_metrics_equal_the_report(scheduled_runs: list[Run]) -> None:
    """The counts in the metrics that a run emitted are those of its report."""
    for run in scheduled_runs:
        (report,) = reports_of([run])
        metrics = next(record for record in run.records if "Completed" in record)
        assert metrics["event_type"] == report["event_type"]
        assert metrics["Received"] == [report["received"]]
        assert metrics["Completed"] == [1]
        for name in ("acked", "end_reason"):
            assert metrics[name] == report[name]


def test_alarms_have_the_dimensions_of_the_metrics(
    deployment: LocalDeployment, scheduled_runs: list[Run]
) -> None:
    """Metrics have the dimensions that the alarms of streams and of the stack evaluate."""
    emitted = {
        (record["event_type"], record["service"], name)
        for run in scheduled_runs
        for record in run.records
        if "Completed" in record
        for name in record
    }
    own = [
        ({each["Name"]: each["Value"] for each in alarm["Dimensions"]}, alarm["MetricName"])
        for alarm in deployment.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if alarm["Namespace"] == "EventDrain"
    ]
    by_stream = [each for each in own if "event_type" in each[0]]
    assert len(by_stream) == rules.ALARM_METRICS_PER_STREAM * len(STREAMS)
    for dimensions, name in by_stream:
        assert (dimensions["event_type"], dimensions["service"], name) in emitted
    services = {service for _, service, _ in emitted}
    assert {each["service"] for each, _ in own} == services


def test_nothing_personal_or_secret_is_logged(
    deployment: LocalDeployment, scheduled_runs: list[Run]
) -> None:
    """The logs contain no value of an event, no secret and no token."""
    assert scheduled_runs
    log = "\n".join(line for run in deployment.stack.runs() for line in run.lines)
    values = {
        value
        for line in deployment.archive_lines()
        for value in texts_of([line["event"], line["subscription_id"], line["event_id"]])
        if any(each.isdigit() for each in value) and len(value) > len("+47 99")
    }
    assert len(values) > EVENTS
    tokens = {grant.token for grant in deployment.token_server.tokens.issued()}
    secret = {deployment.credentials["client_secret"]}
    assert [value for value in values | tokens | secret if value in log] == []


def texts_of(value: object) -> Iterator[str]:
    """Yield every text within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_of(item)


def test_streams_come_and_go(deployment: LocalDeployment, built: Path) -> None:
    """On a live stack, a removed stream is no longer scheduled, and an added one is."""
    for event_types in ("handset_change", "handset_change,consent_change"):
        deployment.stack.deploy(built, {"EventTypes": event_types})
        scheduler = deployment.aws.client("scheduler")
        inputs = [
            json.loads(scheduler.get_schedule(Name=each["Name"])["Target"]["Input"])
            for each in scheduler.list_schedules()["Schedules"]
        ]
        scheduled = Counter(each["event_type"] for each in inputs)
        assert scheduled == dict.fromkeys(event_types.split(","), 2), "to drain and to compact"
