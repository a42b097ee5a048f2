"""What a replay sends, in which order and how fast, and its counts."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from eventdrain.events import mark_replayed, messages, pack
from eventdrain.ports import Folder
from eventdrain.replay import CountingSink, RateLimit, Replay, ReplayEnd, ReplayReport, Selection
from tests import virtual_time
from tests.deliveries import (
    LAYOUT,
    RECEIVED_AT,
    delivery_of,
    oversize_message,
    reader,
)
from tests.fakes import FakeSink
from tests.replay_archive import SLOW_DOWN, FakeArchive
from tests.unit.replay_bench import (
    ALL,
    DAY,
    SLOW,
    STREAM,
    Run,
    events,
    filled,
    ids,
    of_country_change,
)

if TYPE_CHECKING:
    from eventdrain.replay import Checkpoint

# --- What is sent, and in which order ---


def test_everything_is_sent_by_day_and_key() -> None:
    """By default the whole archive is sent, by day and then by key."""
    tomorrow, today, later = events(range(DAY, DAY + 5)), events(range(5)), events(range(10, 15))
    run = Run(filled(tomorrow, later, today))
    report = run.run()
    assert run.sent == ids([*today, *later, *tomorrow])
    assert (report.end_reason, report.events, report.lines) == (ReplayEnd.DONE, 15, 15)
    assert (report.objects, report.bytes_read) == (
        3,
        sum(map(len, run.archive.objects_by_key.values())),
    )


def test_streams_of_a_day_go_before_the_next_day() -> None:
    """The streams of a day come in the selection's order, each to its own queue."""
    days = [events(range(2)), events(range(DAY, DAY + 2))]
    archive = filled(*days, *([of_country_change(each) for each in day] for day in days))
    run = Run(archive, selection=Selection(("country_change", STREAM)))
    sinks = {STREAM: FakeSink(), "country_change": FakeSink()}
    run.run({**sinks})
    for event_type, sink in sinks.items():
        assert [each.event_type for each in sink.held.values()] == [event_type] * 4
    assert archive.listed == [
        Folder("2026-03-01", "country_change"),
        Folder("2026-03-01", STREAM),
        Folder("2026-03-02", "country_change"),
        Folder("2026-03-02", STREAM),
    ]


def test_only_folders_with_matches_are_listed() -> None:
    """Days outside the range are neither listed nor read."""
    archive = filled(*(events(range(day * DAY, day * DAY + 3)) for day in range(-2, 3)))
    selected = events(range(DAY + 1, DAY + 2))
    time = selected[0].event_time
    assert time is not None
    start = datetime.fromisoformat(time)
    run = Run(archive, selection=replace(ALL, since=start, until=start + timedelta(seconds=1)))

    report = run.run()

    assert run.sent == ids(selected)
    assert report.left_out == 2
    assert archive.listed == [Folder("2026-03-02", STREAM)]
    assert len(archive.reads) == 1


def test_copies_are_sent_once() -> None:
    """Of several lines of an event, the first is sent, and the others are counted."""
    batch = events(range(7))
    again = [delivery_of(index, delivery=1, redelivered=True) for index in range(4)]
    run = Run(filled(batch, again))
    report = run.run()
    assert run.sent == ids(batch)
    assert (report.events, report.duplicates, report.lines) == (7, 4, 11)


def test_lines_are_sent_as_they_are() -> None:
    """A replayed event makes the same message as in the drain, also a pointer."""
    huge = reader().read(oversize_message(3), delivery_of().received_at)
    batch = [*events(range(3)), huge]
    run = Run(filled(batch))
    run.run()
    again = list(messages(run.sink.held.values(), LAYOUT, events_per_message=1))
    assert again == list(messages(batch, LAYOUT, events_per_message=1))
    assert again[-1].attributes["pointer"] == "oversize"
    assert all(
        each.attributes == {**first.attributes, "replayed": "made-up"}
        for each, first in zip(mark_replayed(again, "made-up"), again, strict=True)
    )


def test_what_can_t_be_read_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An unreadable line or object is counted, and its key is logged; all others are sent."""
    archive = filled(events(range(3)))
    (key,) = archive.objects_by_key
    body = gzip.decompress(archive.objects_by_key[key])
    archive.objects_by_key[key] = gzip.compress(b'"made up"\n' + body)
    archive.objects_by_key[f"{key[:-20]}0.ndjson.gz"] = b"no gzip"
    run = Run(archive)

    report = run.run()

    assert run.sent == ids(events(range(3)))
    assert (report.end_reason, report.unreadable, report.lines) == (ReplayEnd.DONE, 2, 4)
    assert key in caplog.text
    assert "made up" not in caplog.text


def test_object_that_goes_meanwhile() -> None:
    """An object that is deleted after it was listed is counted, and the replay continues."""

    class Expiring(FakeArchive):
        async def read(self, key: str) -> bytes | None:
            return None if key == min(self.objects_by_key) else await super().read(key)

    run = Run(Expiring())
    run.archive.put(events(range(3)))
    run.archive.put(events(range(10, 13)))
    assert run.run().unreadable == 1
    assert run.sent == ids(events(range(10, 13)))


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_pages_of_a_listing(page: int) -> None:
    """All objects are read once, in order, for any page size of listings."""
    archive = filled(*([delivery_of(index)] for index in range(5)), page=page)
    run = Run(archive)
    run.run()
    assert run.sent == ids(events(range(5)))
    assert len(archive.reads) == 5


# --- How fast ---


@pytest.mark.parametrize(("rate", "size"), [(0, 100), (500, 100), (40, 40), (1, 10), (0.5, 10)])
def test_slices(rate: float, size: int) -> None:
    """A slice has the events of a second, from 10 to 100, whatever the size of objects."""
    small = ([delivery_of(index)] for index in range(150, 230))
    run = Run(filled(events(range(150)), *small), rate=rate)
    run.run()
    assert [len(call) for call in run.sink.calls][:-1] == [size] * (229 // size)
    assert len(run.sent) == 230


def test_reading_goes_ahead() -> None:
    """Objects are read while events are sent, so that many small objects cost no time."""
    archive = filled(*([delivery_of(index)] for index in range(160)), seconds=1.0)
    run = Run(archive)
    run.run()
    assert run.seconds < 160 / 10


# --- Counting ---


@pytest.mark.parametrize("events_per_message", [1, 10])
def test_dry_run_counts_what_would_be_sent(events_per_message: int) -> None:
    """A dry run counts the same messages and requests as sending."""
    large = [delivery_of()._replace(line="x" * 100_000)] * 2
    huge = reader().read(oversize_message(3), RECEIVED_AT)
    batch = [*events(range(130)), *large, huge]
    report = ReplayReport("made-up", is_dry_run=True)
    counting = CountingSink(layout=LAYOUT, events_per_message=events_per_message, report=report)

    assert virtual_time.run(counting.write(batch)) == {}

    made = mark_replayed(messages(batch, LAYOUT, events_per_message=events_per_message), "made-up")
    packed = list(pack(made))
    assert report.messages == sum(map(len, packed))
    assert report.requests == len(packed)
    assert report.message_bytes == sum(each.size for one in packed for each in one)
    billed = (-(-sum(each.size for each in one) // (64 * 1024)) for one in packed)
    assert report.billed_requests == sum(billed) >= report.requests


def test_survey_counts_what_is_left() -> None:
    """A survey lists the remaining objects, without reading them."""
    archive = filled(*([delivery_of(index)] for index in range(30)), page=7)
    run = Run(archive, rate=SLOW, stop_at=0.5)
    run.run()
    reads = len(archive.reads)

    sizes = [len(body) for _, body in sorted(archive.objects_by_key.items())]
    assert survey(archive)[0] == (30, sum(sizes))
    assert survey(archive, run.checkpoints[-1])[0] == (21, sum(sizes[9:]))
    assert len(archive.reads) == reads


def test_survey_that_fails_has_a_duration() -> None:
    """If the archive can't even be listed, the report says for how long that was tried."""
    found, report = survey(FakeArchive(decide=lambda _call, _attempt: SLOW_DOWN))
    assert (found, report.end_reason) == (None, ReplayEnd.FAILED)
    assert report.run_seconds > 10


def survey(
    archive: FakeArchive, after: Checkpoint | None = None
) -> tuple[tuple[int, int] | None, ReplayReport]:
    """Return what a survey finds, and its report."""
    report = ReplayReport("made-up", is_dry_run=True)

    async def found() -> tuple[int, int] | None:
        return await Replay(
            archive=archive,
            publishers={},
            selection=ALL,
            rate=RateLimit(0),
            report=report,
            digest="made-up",
            after=after,
            clock=virtual_time.now,
        ).survey()

    return virtual_time.run(found()), report
