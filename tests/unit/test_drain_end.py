from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from eventdrain.drain import Batch, EndReason, LeftReason
from tests.fakes import (
    END_RUN,
    Arrival,
    FakeAuthorization,
    FakeConnection,
    FakeEventSource,
    FakeSink,
    Script,
)
from tests.unit.drain_bench import (
    IDLE,
    LINGER,
    READ_UNTIL,
    REFUSED,
    TURNS,
    DrainBench,
    burst,
    down,
    messages,
    trickle,
)
from tests.virtual_time import now

if TYPE_CHECKING:
    from eventdrain.events import Delivery
    from tests.fakes import Answer

# --- Why it ends ---


def test_idle() -> None:
    """A quiet stream ends the drain after the idle time since the last event or opening."""
    empty = DrainBench(FakeEventSource(Script(opening_seconds=3.0)))
    assert empty.drain().end_reason is EndReason.IDLE
    assert empty.took == pytest.approx(3.0 + IDLE, abs=TURNS)
    bench = DrainBench(FakeEventSource(Script([burst(25)])))
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    assert (report.received, report.committed, report.acked) == (25, 25, 25)
    assert not report.left.total()
    assert bench.took == pytest.approx(bench.ack_seconds + IDLE, abs=TURNS), "20 were in flight"


def test_idle_time_starts_again_if_the_server_was_at_its_limit() -> None:
    """With all that one stream may have in flight, the server sends nothing before the acks."""
    for events, waits in ((20, True), (19, False)):
        bench = DrainBench(FakeEventSource(Script([burst(events)])), ack_seconds=2.0, idle=3.0)
        assert bench.drain().acked == events
        assert bench.took == pytest.approx(3.0 + (2.0 if waits else 0.0), abs=TURNS)


def test_slow_api_that_has_events() -> None:
    """An API that takes its time to answer a probe may take it to send events, too."""

    class Slow(FakeConnection):
        async def probe(self) -> None:
            await asyncio.sleep(1.0)
            await super().probe()

    source = FakeEventSource(Script([burst(3, at=1.5)]), connection_class=Slow)
    assert DrainBench(source, idle=1.0).drain().acked == 3


def test_batch_that_waits_for_others_is_committed_at_the_end() -> None:
    """A linger longer than the idle time does not prolong the run."""
    bench = DrainBench(FakeEventSource(Script([burst(3)])), linger=1e9)
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    assert (report.batches, report.acked) == (1, 3)
    assert bench.took == pytest.approx(IDLE + bench.ack_seconds, abs=TURNS)


@pytest.mark.parametrize("limit", [1, 9, 10, 11, 20, 21, 35])
def test_limit(limit: int) -> None:
    """Exactly the limit of events is committed; others are not written."""
    bench = DrainBench(FakeEventSource(Script([burst(40)])), limit=limit)
    report = bench.drain()
    assert report.end_reason is EndReason.LIMIT
    assert report.committed == report.acked == limit
    assert len(bench.archive.held) == len(bench.queue.held) == limit
    assert report.left == {LeftReason.NOT_TAKEN: report.received - limit}
    assert bench.took < LINGER, "the last batch doesn't wait for others"


def test_heartbeats_that_are_not_taken_are_no_events() -> None:
    """What is left when the limit is reached counts as events only if it may be some."""
    sent = [*messages(range(3)), b"", b"\xff"]
    bench = DrainBench(FakeEventSource(Script([Arrival(0.0, sent)])), limit=2)
    report = bench.drain()
    assert (report.received, report.committed, report.heartbeats) == (4, 2, 1)
    assert report.left == {LeftReason.NOT_TAKEN: 2}


def test_window() -> None:
    """The window's end ends a stream that never pauses; all taken events are committed."""
    bench = DrainBench(FakeEventSource(trickle(10_000, every=0.1)))
    report = bench.drain()
    assert report.end_reason is EndReason.WINDOW
    assert report.received == pytest.approx(READ_UNTIL / 0.1, abs=5)
    assert report.left.total() == report.left[LeftReason.NOT_TAKEN] <= bench.source.max_unread
    assert bench.took == pytest.approx(READ_UNTIL + bench.ack_seconds, abs=TURNS)


def test_no_stream_is_opened_after_the_window() -> None:
    """A stream that ends during the last commit is not opened again."""
    bench = DrainBench(
        FakeEventSource(Script([burst(1, at=READ_UNTIL - 0.1)], ends_at=READ_UNTIL + 1.0)),
        idle=READ_UNTIL + 1.0,
        archive=FakeSink(seconds=lambda _call: 10.0),
    )
    report = bench.drain()
    assert (report.connections, report.acked) == (1, 1)


# --- Order of the end ---


def test_acks_come_before_the_stream_is_left() -> None:
    """Taken events are acked while the stream is open; only then the call is cancelled."""
    acked_at: list[float] = []

    def ack(_delivery: Delivery, _attempt: int, _token: str | None) -> Answer:
        acked_at.append(now())
        return None

    bench = DrainBench(
        FakeEventSource(trickle(10_000, every=0.1)),
        archive=FakeSink(seconds=lambda _call: 5.0),
        acks=ack,
    )
    report = bench.drain()
    assert READ_UNTIL < max(acked_at) < bench.source.left_at[0]
    # Later arrivals are not written.
    assert max(bench.reader.read_at) < READ_UNTIL
    assert report.left[LeftReason.NOT_TAKEN] > 0
    assert report.acked == len(bench.archive.held)


# --- A commit ends the run ---


@pytest.mark.parametrize("sink", ["archive", "queue"])
def test_sink_that_ends_the_run(sink: str) -> None:
    """A fatal failure of a sink ends the drain as failed; nothing more is read."""
    bench = DrainBench(FakeEventSource(Script([burst(100)])), **{sink: down(END_RUN)})  # type: ignore[arg-type] # by name
    report = bench.drain()
    assert report.end_reason is EndReason.FAILED
    assert report.error == END_RUN.message
    assert report.committed == 0
    assert bench.reader.taken <= bench.max_in_flight
    assert bench.took < 1


@pytest.mark.parametrize("is_about_access", [True, False])
def test_ack_that_ends_the_run(*, is_about_access: bool) -> None:
    """A fatal failure of acks ends the drain as failed; written events are counted."""
    failure = replace(END_RUN, is_about_access=is_about_access)
    bench = DrainBench(
        FakeEventSource(Script([burst(100)])), acks=lambda _delivery, _attempt, _token: failure
    )
    report = bench.drain()
    assert report.end_reason is EndReason.FAILED
    assert report.is_access_refused is is_about_access
    assert report.committed == report.left[LeftReason.ACK] > 0


def test_failure_in_the_last_commit() -> None:
    """A fatal failure in the last commit makes a run failed, even if the window ended it."""
    bench = DrainBench(
        FakeEventSource(Script([burst(3)])),
        archive=FakeSink(
            lambda _delivery, _attempt: END_RUN, seconds=lambda _call: READ_UNTIL + 5.0
        ),
    )
    report = bench.drain()
    assert report.end_reason is EndReason.FAILED
    assert bench.took > READ_UNTIL


def test_first_error_is_reported() -> None:
    """The report has the first of several errors."""
    bench = DrainBench(
        FakeEventSource(Script([burst(3)], ends_at=0.1, error=REFUSED)), archive=down(END_RUN)
    )
    report = bench.drain()
    assert report.error == str(REFUSED)


# --- Bugs ---


def test_bug_in_the_source_ends_in_the_report() -> None:
    """An unexpected error fails the run, after taken events are committed and acked."""
    bug: Any = ZeroDivisionError("made up")
    bench = DrainBench(FakeEventSource(Script([burst(3)], ends_at=0.1, error=bug)))
    report = bench.drain()
    assert report.end_reason is EndReason.FAILED
    assert report.error is not None
    assert "unexpected ZeroDivisionError" in report.error
    assert len(bench.acker.acked) == 3
    assert len(bench.source.left_at) == 1


def test_bug_in_a_sink_ends_in_the_report(caplog: pytest.LogCaptureFixture) -> None:
    """A sink that raises unexpectedly fails the run; its text is not reported or logged."""

    class Buggy(FakeSink):
        async def write(self, deliveries: object) -> dict[str, object]:  # type: ignore[override] # a bug
            await asyncio.sleep(0)
            raise ZeroDivisionError(deliveries)

    bench = DrainBench(FakeEventSource(Script([burst(3)])), archive=Buggy())
    report = bench.drain()
    assert report.end_reason is EndReason.FAILED
    assert report.failures == {"archive:ZeroDivisionError": 3}
    assert bench.acker.acked == []
    assert "in write" in caplog.text, "where it was raised is logged"
    assert "+999" not in caplog.text
    assert len(bench.source.left_at) == 1


def test_bug_in_a_commit_is_counted() -> None:
    """If a commit raises, its deliveries are counted as left; other counts are kept."""

    class Buggy(FakeAuthorization):
        def token(self) -> str | None:
            if bench.archive.held:
                raise ZeroDivisionError
            return super().token()

    bench = DrainBench(FakeEventSource(Script([burst(3)])), authorization=Buggy())
    report = bench.drain()
    assert report.end_reason is EndReason.FAILED
    assert report.failures == {"unexpected:ZeroDivisionError": 3}


def test_bug_in_the_taking_ends_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events taken before the bug are committed and acked; the failing one is counted."""
    bench = DrainBench(FakeEventSource(Script([burst(3)])))
    add = Batch.add

    def buggy(batch: Batch, delivery: Delivery, now: float) -> None:
        if delivery.ack_info == "ack-2-0":
            raise ZeroDivisionError(delivery)
        add(batch, delivery, now)

    monkeypatch.setattr(Batch, "add", buggy)

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.error is not None
    assert "unexpected ZeroDivisionError" in report.error
    assert report.left == {LeftReason.UNEXPECTED: 1}
    assert len(bench.acker.acked) == report.acked == 2
