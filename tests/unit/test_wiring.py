from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from eventdrain import wiring
from eventdrain.adapters.aws_clients import AwsEndpoint
from eventdrain.settings import Settings

if TYPE_CHECKING:
    import pytest

    from eventdrain.report import Report

NOWHERE: Final = AwsEndpoint("http://127.0.0.1:1", "made-up", "eu-west-1", "id", "key", None, b"")
AWS: Final = SimpleNamespace(s3_endpoint=lambda _bucket: NOWHERE, sqs_endpoint=lambda: NOWHERE)


def test_what_is_held_is_bounded_by_what_may_be_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run holds no more events, unread and taken, than its connections may have in flight."""
    given: dict[str, Any] = {}

    class RecordingDrain:
        def __init__(self, **parts: Any) -> None:  # noqa: ANN401 - whatever a drain is given
            given.update(parts)

        async def run(self) -> Report:
            report: Report = given["report"]
            return report

    monkeypatch.setattr(wiring, "Drain", RecordingDrain)
    monkeypatch.setattr(wiring, "aws_clients", lambda: AWS)
    settings = Settings.from_env(
        {
            "ARCHIVE_BUCKET": "made-up-bucket",
            "OUTBOX_QUEUE_URL": "https://sqs.example/made-up",
            "EVENT_TYPES": "country_change",
            "MAX_IN_FLIGHT": "30",
            "PARALLEL_STREAMS": "3",
        },
        event_type="country_change",
    )

    wiring.run_drain(settings, remaining=timedelta(minutes=5))

    assert given["parallel_streams"] == 3
    assert given["inbox_size"] == given["pace"].room == 90
    assert given["batch"].room == 15, "half of what one connection may have in flight"
