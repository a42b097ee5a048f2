from __future__ import annotations

import logging

import pytest

from eventdrain.commit import LeftReason
from eventdrain.window import EndReason
from tests.deliveries import message, unreadable_message
from tests.fakes import (
    TRY_AGAIN,
    Arrival,
    FakeEventSource,
    FakeSink,
    Script,
)
from tests.unit.drain_bench import (
    COMMIT_UNTIL,
    IDLE,
    LINGER,
    TURNS,
    DrainBench,
    burst,
    hanging,
    messages,
)
from tests.virtual_time import now

# --- Batches and commits ---


def test_batches_of_a_fast_stream() -> None:
    """A burst is committed in halves of what may be in flight, several at a time, in order."""
    bench = DrainBench(
        FakeEventSource(Script([burst(45)])), archive=FakeSink(seconds=lambda _call: 1.0)
    )

    report = bench.drain()

    assert [len(call) for call in bench.archive.calls] == [10, 10, 10, 10, 5]
    assert bench.archive.most_under_way == 2
    assert report.batches == 5
    assert bench.reader.taken == 45


def test_batches_of_a_slow_stream() -> None:
    """Deliveries that come within the linger share a batch, later ones don't wait for it."""
    source = FakeEventSource(
        Script([burst(1), burst(1, at=0.2, first=1), burst(1, at=0.3, first=2)])
    )
    bench = DrainBench(source)

    bench.drain()

    assert [len(call) for call in bench.archive.calls] == [2, 1]


def test_one_in_flight() -> None:
    """With one event in flight each is committed by itself, at once."""
    bench = DrainBench(FakeEventSource(Script([burst(5)])), max_in_flight=1, inbox_size=1)

    report = bench.drain()

    assert report.acked == report.batches == 5
    assert bench.archive.most_under_way == 1
    assert bench.took < IDLE + LINGER + 5 * bench.ack_seconds


def test_reading_goes_on_during_a_commit() -> None:
    """While a batch is being committed, the next is read."""
    bench = DrainBench(
        FakeEventSource(Script([burst(10), burst(10, at=1.0, first=10)])),
        archive=FakeSink(seconds=lambda _call: 3.0),
    )

    bench.drain()

    assert max(bench.reader.read_at) == pytest.approx(1.0, abs=TURNS)
    assert bench.archive.most_under_way == 2


def test_sink_that_is_down_stops_the_reading() -> None:
    """No more is held than may be in flight, and what waits unread is bounded."""
    bench = DrainBench(FakeEventSource(Script([burst(1000)]), most_at_once=7), archive=hanging())

    report = bench.drain()

    assert bench.reader.taken == bench.max_in_flight
    assert report.received <= bench.max_in_flight + bench.inbox_size + 6
    assert report.left[LeftReason.ARCHIVE] == bench.max_in_flight
    assert report.refusals == {"archive:OutOfTime": bench.max_in_flight}
    assert report.end_reason is EndReason.WINDOW
    assert bench.took == pytest.approx(COMMIT_UNTIL, abs=TURNS)


def test_sink_that_comes_back() -> None:
    """An outage within the window delays, and loses nothing."""
    bench = DrainBench(
        FakeEventSource(Script([burst(100)])),
        outbox=FakeSink(lambda _delivery, _attempt: TRY_AGAIN if now() < 20 else None),
    )

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert report.acked == 100
    assert not report.left.total()


def test_memory_is_flat() -> None:
    """However much arrives, what waits unread stays within the inbox and one burst."""
    most = []
    for count in (1_000, 5_000):
        bench = DrainBench(
            FakeEventSource(Script([burst(count)]), most_at_once=5),
            archive=FakeSink(seconds=lambda _call: 0.01),
        )
        report = bench.drain()
        assert report.acked == count
        most.append(bench.most_waiting)

    assert most[1] <= bench.inbox_size + 4


def test_duplicates_are_all_acked() -> None:
    """Deliveries of one event, in one batch or in several, are all acked."""
    source = FakeEventSource(
        Script(
            [
                Arrival(0.0, [message(1), message(1, delivery=1, redelivered=True)]),
                Arrival(2.0, [message(1, delivery=2, redelivered=True)]),
            ]
        )
    )
    bench = DrainBench(source)

    report = bench.drain()

    assert bench.acker.acked == ["ack-1-0", "ack-1-1", "ack-1-2"]
    assert (report.acked, report.redelivered, report.batches) == (3, 2, 2)
    assert len(bench.archive.held) == 1


# --- Deliveries that can't be read ---


def test_unreadable_deliveries_are_left(caplog: pytest.LogCaptureFixture) -> None:
    """An unreadable delivery is counted and logged without content; the stream goes on."""
    caplog.set_level(logging.DEBUG)
    bench = DrainBench(
        FakeEventSource(
            Script([Arrival(0.0, [message(0), unreadable_message(1), b"", message(2)])])
        )
    )

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert report.acked == 2
    assert report.left == {LeftReason.UNREADABLE: 2}
    assert report.unreadable == 2
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert r"\xff" not in caplog.text


def test_unreadable_deliveries_do_not_count_against_the_limit() -> None:
    """Only what is committed counts, however much else there is."""
    unreadable = [unreadable_message(index) for index in range(30)]
    bench = DrainBench(
        FakeEventSource(Script([Arrival(0.0, [*unreadable, *messages(range(8))])])), limit=5
    )

    report = bench.drain()

    assert report.end_reason is EndReason.LIMIT
    assert report.left[LeftReason.UNREADABLE] == 30
