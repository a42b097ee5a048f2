from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import Mock

import pytest

from eventdrain import run, wiring
from eventdrain.adapters.aws import AwsEndpoint
from eventdrain.drain import EndReason, LeftReason
from eventdrain.errors import ConfigurationError, CredentialsError
from eventdrain.settings import Settings
from tests.fakes import FakeSink

if TYPE_CHECKING:
    from eventdrain.drain import Report

NOWHERE: Final = AwsEndpoint("http://127.0.0.1:1", "made-up", "eu-west-1", "id", "key", None, b"")
AWS: Final = SimpleNamespace(
    bucket_endpoint=lambda _bucket: NOWHERE, endpoint=lambda _service: NOWHERE
)
REMAINING: Final = timedelta(minutes=5)


def settings(**changed: str) -> Settings:
    """Read the settings of one stream."""
    environment = {
        "ARCHIVE_BUCKET": "made-up-bucket",
        "QUEUE_URL": "https://sqs.example/made-up",
        "EVENT_TYPES": "country_change",
    }
    return Settings.from_env(environment | changed, event_type="country_change")


def test_what_is_held_is_bounded_by_what_may_be_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run holds at most max_in_flight events per connection, unread and taken."""
    given: dict[str, Any] = {}

    class RecordingDrain:
        def __init__(self, **parts: Any) -> None:
            given.update(parts)

        async def run(self) -> Report:
            report: Report = given["report"]
            return report

    source = Mock()
    monkeypatch.setattr(run, "Drain", RecordingDrain)
    monkeypatch.setattr(wiring, "GrpcEventSource", source)
    monkeypatch.setattr(wiring, "AwsEnvironment", lambda _variables: AWS)

    wiring.run_drain(settings(MAX_IN_FLIGHT="30", PARALLEL_STREAMS="3"), remaining=REMAINING)

    assert given["parallel_streams"] == 3
    assert source.call_args.kwargs["max_unread"] == 30, "of each connection"
    assert given["pace"].room == 90
    assert given["batch"].room == 30, "what one connection may have in flight"


@pytest.mark.parametrize(
    ("error", "reported", "is_about_access"),
    [
        (ConfigurationError("made up: no region"), "made up: no region", False),
        (CredentialsError("made up: no secret"), "made up: no secret", True),
        (KeyError("+9990000000001"), "KeyError", False),
    ],
    ids=["configuration", "access", "bug"],
)
def test_what_ends_a_run_before_its_drain_is_reported(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reported: str, *, is_about_access: bool
) -> None:
    """An error before the stream is opened, a bug too, ends in a report of a failed run."""
    memory = run.Memory(secrets={"arn:made-up": Mock()})
    monkeypatch.setattr(wiring, "_memory", memory)
    monkeypatch.setattr(wiring, "AwsEnvironment", Mock(side_effect=error))
    report = wiring.run_drain(settings(), remaining=REMAINING)
    assert report.end_reason is EndReason.FAILED
    assert not memory.secrets, "the next run reads the secrets, one of which may be the cause"
    assert reported in str(report.error)
    assert "+999" not in str(report.error)
    assert report.is_access_refused is is_about_access


@pytest.mark.parametrize("name", LeftReason)
def test_sink_is_not_named_as_a_reason_for_leaving_events(name: str) -> None:
    """The report counts what a sink failed to write beside what was left for other reasons."""
    with pytest.raises(ValueError, match=name):
        wiring.SinkRow(name, "MadeUpFailed", lambda *_: nullcontext(FakeSink()))
