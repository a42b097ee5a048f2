"""The command that follows a stack, against a CloudFormation, an S3 and a log over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import CliRunner

from drainctl.group import drainctl
from eventdrain.drain import EndReason, Report
from simulator.aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess
from tests.deliveries import LAYOUT, RECEIVED_AT, delivery_of
from tests.replay_archive import FakeArchive
from tests.unit.http_aws import STACK, HttpAws, describe_stacks
from tests.unit.verify_endpoint import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from click.testing import Result

_OUTPUTS: Final = {"ArchiveBucketName": LAYOUT.bucket, "DrainEventsLogGroupName": "made-up-log"}
_PARAMETERS: Final = {"ArchivePrefix": LAYOUT.prefix, "EventTypes": "handset_change,country_change"}


class TailEndpoint(HttpAws):
    """The server, to be used in a ``with``.

    Attributes:
        archive: The archive.
        written: When its objects were written.
        lines: The lines of the log: time and text.
        calls: The services that were called, in order.
        is_denied: Whether S3 rejects all calls.
    """

    def __init__(self) -> None:
        self.archive = FakeArchive()
        self.written = datetime.now(UTC)
        self.lines: list[tuple[datetime, str]] = []
        self.calls: list[str] = []
        self.is_denied = False

    def end_run(self, **report: Any) -> None:
        """Log the report of a run that ends now."""
        made = Report("handset_change", end_reason=EndReason.IDLE, run_seconds=7.25, **report)
        record = {"run_id": f"made-up-{len(self.lines)}", "report": made.as_json()}
        self.lines.append((datetime.now(UTC), json.dumps(record)))

    def answer(self, headers: Message, path: str, body: str) -> tuple[int, bytes]:
        """See ``HttpAws``."""
        service = headers["Authorization"].split("/")[3]
        self.calls.append(service)
        if service == "cloudformation":
            return describe_stacks(parse_qs(body)["StackName"][0], _OUTPUTS, _PARAMETERS)
        if service == "logs":
            return 200, json.dumps(self._lines(json.loads(body)["startTime"])).encode()
        assert service == "s3"
        if self.is_denied:
            return 403, b"<Error><Code>AccessDenied</Code><Message>who asks</Message></Error>"
        url = urlsplit(path)
        query = parse_qs(url.query)
        if "list-type" in query:
            return 200, self._listing(query["prefix"][0], query["start-after"][0])
        return 200, self.archive.objects_by_key[unquote(url.path).removeprefix("/made-up-bucket/")]

    def _lines(self, start: int) -> dict[str, Any]:
        stamped = [(int(at.timestamp() * 1000), text) for at, text in self.lines]
        events = [{"timestamp": at, "message": text} for at, text in stamped if at >= start]
        return {"events": events}

    def _listing(self, prefix: str, after: str) -> bytes:
        keys = (key for key in self.archive.objects_by_key if key.startswith(prefix))
        found = "".join(
            f"<Contents><Key>{key}</Key><LastModified>{self.written.isoformat()}</LastModified>"
            "</Contents>"
            for key in sorted(keys)
            if key > after
        )
        return f"<ListBucketResult>{found}</ListBucketResult>".encode()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[TailEndpoint]:
    """What the command finds in place of AWS."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with TailEndpoint() as started:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": started.url}.items():
            monkeypatch.setenv(name, value)
        yield started


def _tail(*arguments: str) -> Result:
    return CliRunner().invoke(drainctl, ["tail", "--stack-name", STACK, *arguments])


def _archive_old_event(endpoint: TailEndpoint) -> None:
    """Archive an event that happened on an earlier day; a run's report says how old it was."""
    endpoint.archive.put([delivery_of(0, redelivered=True)])
    endpoint.written = datetime.now(UTC).replace(microsecond=0)
    age = (datetime.now(UTC) - RECEIVED_AT).total_seconds()
    endpoint.end_run(received=1, acked=1, oldest_event_age_seconds=age)


def test_lines(endpoint: TailEndpoint) -> None:
    """An event's values are not printed; its fields and its lag are, and then the run."""
    _archive_old_event(endpoint)
    endpoint.lines.append((datetime.now(UTC), "truncated"))
    result = _tail("--no-follow", "--since", "1m")
    assert result.exit_code == 0, result.output
    event, run = result.stdout.splitlines()
    delivery = delivery_of(0)
    assert event == (
        f"2026-03-01T12:00:00.123Z  handset_change  {delivery.event_id}  lag 0.1 s  redelivered"
        "  number"
    )
    assert run.endswith("Z  handset_change  run  7.2 s  1 received, 1 acked, 0 left: idle")
    assert "sqs" not in endpoint.calls


def test_personal_data_are_shown_on_demand(endpoint: TailEndpoint) -> None:
    """The whole line of an event is printed, as archived."""
    _archive_old_event(endpoint)
    delivery = delivery_of(0, redelivered=True)
    result = _tail("--no-follow", "--since", "1m", "--show-personal-data")
    event = result.stdout.splitlines()[0]
    assert json.loads(event[event.index("{") :]) == json.loads(delivery.line)


def test_json(endpoint: TailEndpoint) -> None:
    """Each line is a document; the line of an event is in it on demand only."""
    _archive_old_event(endpoint)
    arguments = ("--no-follow", "--since", "1m", "--json")
    event, run = map(json.loads, _tail(*arguments).stdout.splitlines())
    assert (event["kind"], event["lag_seconds"], event["fields"]) == ("event", 0.123, ["number"])
    assert (run["kind"], run["report"]["acked"]) == ("run", 1)
    (whole, _) = map(json.loads, _tail(*arguments, "--show-personal-data").stdout.splitlines())
    assert whole["line"]["event_id"] == event["event_id"]


def test_each_once_while_following(endpoint: TailEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """New events and runs are printed once; a copy of an event is not; Ctrl-C ends with 0."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            _archive_old_event(endpoint)
        elif len(waits) == 2:
            endpoint.archive.put([delivery_of(0), delivery_of(1)])
            _archive_old_event(endpoint)
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    result = _tail()
    assert result.exit_code == 0, result.output
    ids = [line.split("  ")[2] for line in result.stdout.splitlines()]
    assert ids == [delivery_of(0).event_id, "run", delivery_of(1).event_id, "run"]
    assert waits == [5.0] * 3


def test_what_is_left_out(endpoint: TailEndpoint) -> None:
    """Earlier objects and runs, and other streams."""
    _archive_old_event(endpoint)
    assert _tail("--no-follow", "--since", "1h", "--stream", "country_change").stdout == ""
    endpoint.written -= timedelta(hours=2)
    endpoint.lines = [(at - timedelta(hours=2), text) for at, text in endpoint.lines]
    assert _tail("--no-follow", "--since", "1h").stdout == ""


def test_errors(endpoint: TailEndpoint) -> None:
    """They name the action, not the caller; and a stream that the stack doesn't drain."""
    endpoint.is_denied = True
    denied = _tail("--no-follow")
    assert denied.exit_code == 1
    assert "s3:ListBucket of the bucket made-up-bucket failed with AccessDenied." in denied.stderr
    assert "who asks" not in denied.output
    other = _tail("--stream", "consent_change")
    assert other.exit_code == 1
    assert "To fix this, select from handset_change, country_change" in other.stderr
    assert _tail("--since", "soon").exit_code == 2


def test_sigterm_ends_it(endpoint: TailEndpoint) -> None:
    """The exit status is 0, and what was printed until then is complete."""
    _archive_old_event(endpoint)
    process = ChildProcess(
        [sys.executable, "-m", "drainctl", "tail", "--stack-name", STACK, "--since", "1m"],
        cwd=PROJECT_FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        rest, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, rest, stderr) == (0, "", "")
    assert all(line.endswith("\n") for line in lines)
