"""Requests for the replay function, and errors about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from eventdrain.errors import ConfigurationError
from eventdrain.replay import Checkpoint, ReplayRequest, Selection

NOW: Final = datetime(2026, 3, 8, 12, tzinfo=UTC)
ENVIRONMENT: Final = {
    "EVENT_TYPES": "handset_change,country_change",
    "ARCHIVE_BUCKET": "made-up-bucket",
    "ARCHIVE_PREFIX": "made-up/prefix",
    "QUEUE_URL": "https://sqs.example/outbox-{event_type}",
    "RESERVE_SECONDS": "20",
}
PERSONAL: Final = "madeup:eu:5"
KEY: Final = "made-up/prefix/handset_change/dt=2026-03-01/0.ndjson.gz"


def request(**event: Any) -> ReplayRequest:
    """Read a request."""
    return ReplayRequest.from_event(event, ENVIRONMENT, now=NOW)


def test_nothing_asked_for_counts_everything() -> None:
    """An empty event is a dry run over all streams of the stack and all days."""
    asked = request()
    assert asked.job.is_dry_run
    assert asked.job.selection == Selection(("handset_change", "country_change"))
    assert asked.job.rate == 500
    assert (asked.name, asked.after) == ("2026-03-08T12:00:00.000Z", None)


def test_everything_asked_for() -> None:
    """Each key is used, and each place is that of the environment."""
    asked = request(
        **{"from": "2026-03-01", "to": "2026-03-07"},
        streams=["country_change"],
        event_ids=["0" * 32],
        subscriptions=[PERSONAL],
        dry_run=False,
        rate=1_000_000,
        name="made-up",
    )
    assert asked.job.selection == Selection(
        ("country_change",),
        since=datetime(2026, 3, 1, tzinfo=UTC),
        until=datetime(2026, 3, 8, tzinfo=UTC),
        event_ids=frozenset({"0" * 32}),
        subscriptions=frozenset({PERSONAL}),
    )
    assert not asked.job.is_dry_run
    assert (asked.job.rate, asked.name) == (1_000_000, "made-up")
    assert (asked.job.bucket, asked.job.prefix) == ("made-up-bucket", "made-up/prefix")
    assert asked.job.queue_urls == {"country_change": "https://sqs.example/outbox-country_change"}
    assert asked.reserve == timedelta(seconds=20)


def test_it_goes_on() -> None:
    """With a checkpoint of the same request it continues, with the same name."""
    before = request(dry_run=False)
    checkpoint = Checkpoint(before.job.digest, before.name, KEY, 5, "0" * 64)
    asked = ReplayRequest.from_event(
        {"dry_run": False, "after": checkpoint.as_json(), "rate": 1},
        ENVIRONMENT,
        now=NOW + timedelta(hours=1),
    )
    assert (asked.after, asked.name) == (checkpoint, before.name)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"dry_run": False, "from": "2026-03-01"},
        {"dry_run": False, "streams": ["handset_change"]},
    ],
)
def test_checkpoint_of_another_request(event: dict[str, Any]) -> None:
    """A checkpoint of another selection, or of a dry run for sending, is rejected."""
    job = request(dry_run=False).job
    checkpoint = Checkpoint(job.digest, "made-up", KEY, 5, "0" * 64)
    with pytest.raises(ConfigurationError, match="another selection"):
        request(after=checkpoint.as_json(), **event)
    other = replace(job, queue_urls=dict.fromkeys(job.queue_urls, "https://sqs.example/another"))
    assert other.digest != job.digest


@pytest.mark.parametrize(
    ("event", "reported"),
    [
        ({"dryrun": False}, r"\(dryrun\).*dry_run"),
        ({PERSONAL: 1}, r"\(not shown\).*dry_run"),
        ({"dry_run": "false"}, "dry_run .* use true or false"),
        ({"dry_run": None}, "dry_run .* use true or false"),
        ({"from": 5}, "from .* such as 2026-03-01"),
        ({"from": "yesterday"}, "from: .*such as 2026-03-01"),
        ({"to": "2026-03-01T12:00:00"}, "to: .*such as 2026-03-01"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "time range is empty"),
        ({"streams": "handset_change"}, "streams .* use a list"),
        ({"streams": []}, "streams .* use a list"),
        ({"streams": ["consent_change"]}, "does not drain 'consent_change'.*handset_change"),
        ({"event_ids": []}, "event_ids .* use a list"),
        ({"event_ids": ["5"]}, "event_ids .* 32 hexadecimal"),
        ({"event_ids": [5]}, "event_ids .* use a list"),
        ({"subscriptions": PERSONAL}, "subscriptions .* use a list"),
        ({"subscriptions": [PERSONAL, ""]}, "subscriptions .* use a list"),
        ({"rate": "500"}, "rate .* use a number"),
        ({"rate": True}, "rate .* use a number"),
        ({"rate": -1}, "rate .* use a number"),
        ({"rate": 1_000_001}, "rate .* use a number"),
        ({"rate": float("nan")}, "rate .* use a number"),
        ({"rate": 10**400}, "rate .* use a number"),
        ({"name": 5}, "name .* use a string"),
        ({"name": "two words"}, "name"),
        ({"after": "made up"}, "not a replay checkpoint"),
    ],
)
def test_what_can_t_be_is_reported(event: dict[str, Any], reported: str) -> None:
    """An unknown or malformed key is named, with a hint and without personal data."""
    with pytest.raises(ConfigurationError, match=reported) as raised:
        request(**event)
    assert PERSONAL not in str(raised.value)


def test_request_and_settings_are_checked() -> None:
    """The reserve is longer than the longest call; invalid settings or events are errors."""
    asked = ReplayRequest.from_event({}, ENVIRONMENT | {"RESERVE_SECONDS": "5"}, now=NOW)
    assert asked.reserve == timedelta(seconds=15)
    fifo = {"QUEUE_URL": "https://sqs.example/q.fifo", "EVENTS_PER_MESSAGE": "2"}
    with pytest.raises(ConfigurationError, match="FIFO"):
        ReplayRequest.from_event({}, ENVIRONMENT | fifo, now=NOW)
    with pytest.raises(ConfigurationError, match=r"JSON object.*dry_run"):
        ReplayRequest.from_event([], ENVIRONMENT, now=NOW)  # type: ignore[arg-type] # as Lambda may
    with pytest.raises(ConfigurationError, match="ARCHIVE_BUCKET"):
        ReplayRequest.from_event({}, {"QUEUE_URL": "https://sqs.example/q"}, now=NOW)
