"""The deployed stack, end to end: what `make run` shows, held to its word.

One deployment serves all tests of this module, in their order: each looks at what is new since the
one before it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from eventdrain.events import DEFAULT_EVENT_TYPE
from simulator.deployment import LocalDeployment
from simulator.reconciliation import Reconciliation, reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from simulator.stack import Run

EVENTS = 1000


@pytest.fixture(scope="module")
def deployment(plainly_built: Path) -> Iterator[LocalDeployment]:
    """Give a stack that waits for its schedule, credentials in their secret, events waiting."""
    with LocalDeployment(built=plainly_built) as local:
        local.deploy()
        local.stack.put_credentials(local.credentials)
        local.event_server.publish_made_up(DEFAULT_EVENT_TYPE, EVENTS)
        yield local


@pytest.fixture(scope="module")
def scheduled_run(deployment: LocalDeployment) -> Run:
    """Give the first run that the schedule started."""
    return deployment.stack.wait_for_runs(1)[0]


@pytest.fixture(scope="module")
def messages(deployment: LocalDeployment, scheduled_run: Run) -> list[dict[str, Any]]:
    """Give the messages of that run, which receiving takes out of the queue."""
    assert scheduled_run.request_id
    return deployment.take_messages()


def test_the_schedule_drains_what_waits(scheduled_run: Run) -> None:
    """A run that nobody but the schedule started drains every event and ends as idle."""
    report = report_of(scheduled_run)
    assert (report["end_reason"], report["received"], report["acked"]) == ("idle", EVENTS, EVENTS)


def test_only_the_stream_that_was_asked_for_is_scheduled(deployment: LocalDeployment) -> None:
    """A deployment that names no streams drains and compacts one, the default."""
    schedules = deployment.aws.client("scheduler").list_schedules()["Schedules"]
    assert len(schedules) == 2
    for schedule in schedules:
        assert DEFAULT_EVENT_TYPE.title().replace("_", "") in schedule["Name"]


def test_the_books_balance(deployment: LocalDeployment, messages: list[dict[str, Any]]) -> None:
    """The same events, each once, are in S3, in SQS and acked at the server."""
    books = reconciliation_of(deployment, messages)
    assert len(books.published) == EVENTS
    assert books.is_balanced
    assert books.copies == 0


def test_message_is_the_line(deployment: LocalDeployment, messages: list[dict[str, Any]]) -> None:
    """A message's body is the archive's line, and its attributes name the event and its type."""
    lines = {line["event_id"]: line for line in deployment.archive_lines()}
    for message in messages:
        attributes = {
            name: attribute["StringValue"]
            for name, attribute in message["MessageAttributes"].items()
        }
        assert lines[attributes["event_id"]] == json.loads(message["Body"])
        assert attributes["event_type"] == DEFAULT_EVENT_TYPE


def test_metrics_equal_the_report(scheduled_run: Run) -> None:
    """The counts in the metrics that the run emitted are those of its report."""
    report, metrics = report_of(scheduled_run), metrics_of(scheduled_run)
    assert metrics["event_type"] == report["event_type"]
    for name in ("received", "redelivered", "committed", "acked"):
        assert metrics[name.title()] == [report[name]]
    assert metrics["Left"] == [sum(report["left"].values())]
    assert metrics["EndedByIdle"] == [1]


def test_token_is_minted_once_and_kept(deployment: LocalDeployment, scheduled_run: Run) -> None:
    """The next run finds the token in its secret, and mints none."""
    assert scheduled_run.request_id
    invocation = deployment.stack.invoke()
    assert (invocation.error, invocation.payload["received"]) == (None, 0)
    assert deployment.token_server.minted == 1


def test_nothing_personal_or_secret_is_logged(
    deployment: LocalDeployment, scheduled_run: Run
) -> None:
    """No value of an event, no secret and no token that was used stands in the log."""
    log = "\n".join(scheduled_run.lines)
    values = {
        value
        for line in deployment.archive_lines()
        for value in texts_of([line["event"], line["subscription_id"], line["event_id"]])
        if len(value) > len("+47")  # software versions and the like are digits of any number
    }
    assert len(values) > EVENTS
    tokens = {grant.token for grant in deployment.token_server.tokens.issued()}
    secret = {deployment.credentials["client_secret"]}
    assert [value for value in values | tokens | secret if value in log] == []


def test_run_without_events_writes_nothing(deployment: LocalDeployment) -> None:
    """A run that finds no events ends as idle, without an object and without a message."""
    before = deployment.archive_keys()
    assert deployment.stack.invoke().payload["end_reason"] == "idle"
    assert deployment.archive_keys() == before
    assert deployment.take_messages() == []


def test_malformed_secret_fails_the_run(deployment: LocalDeployment) -> None:
    """The function's error names the secret and the shape it should have, not what is in it."""
    deployment.stack.put_credentials({"client_id": "a", "client_password": "made-up-password"})
    invocation = deployment.stack.invoke()
    deployment.stack.put_credentials(deployment.credentials)
    message = invocation.payload["errorMessage"]
    assert invocation.error is not None
    assert deployment.stack.outputs["CredentialsSecretArn"] in message
    assert '{"client_id": "...", "client_secret": "..."}' in message
    assert "made-up-password" not in json.dumps(invocation.payload)


def report_of(run: Run) -> Mapping[str, Any]:
    """Give the report that a run logged."""
    (report,) = [record["report"] for record in run.records if "report" in record]
    return report  # type: ignore[no-any-return]


def metrics_of(run: Run) -> Mapping[str, Any]:
    """Give the metrics that a run emitted."""
    (metrics,) = [record for record in run.records if "_aws" in record]
    return metrics


def reconciliation_of(
    deployment: LocalDeployment, messages: list[dict[str, Any]]
) -> Reconciliation:
    """Keep the books of everything so far."""
    return reconcile(deployment.event_server.ledger(), deployment.archive_lines(), messages)


def texts_of(value: object) -> Iterator[str]:
    """Give every text within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts_of(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
