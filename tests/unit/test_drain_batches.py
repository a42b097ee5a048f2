from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from eventdrain.drain import EndReason, LeftReason
from eventdrain.events import PointerReason
from tests.deliveries import (
    RECEIVED_AT,
    message,
    poison_message,
    quarantined_of,
    unreadable_message,
)
from tests.fakes import (
    SLOW_DOWN,
    Arrival,
    FakeConnection,
    FakeEventSource,
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
)
from tests.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from eventdrain.events import Delivery
    from tests.fakes import Answer

# --- Batches and commits ---


def test_batches_of_a_fast_stream() -> None:
    """A batch has max_in_flight deliveries; the next is collected while acks are on their way."""
    bench = DrainBench(FakeEventSource(Script([burst(45)])), ack_seconds=1.0)
    report = bench.drain()
    assert [len(call) for call in bench.archive.calls] == [20, 20, 5]
    assert bench.reader.read_at[39] == pytest.approx(0.0, abs=TURNS)
    assert bench.reader.read_at[40] == pytest.approx(1.0, abs=TURNS)
    assert report.batches == 3


def test_batches_while_a_commit_takes_long() -> None:
    """Once a batch could not become full because of a late ack, batches have half the size."""
    bench = DrainBench(
        FakeEventSource(Script([burst(20), burst(15, 0.5, first=20), burst(30, 4.0, first=35)])),
        ack_seconds=1.0,
    )
    bench.drain()
    assert [len(call) for call in bench.archive.calls] == [20, 15, 10, 10, 10]


def test_one_in_flight() -> None:
    """With one event in flight, each is committed alone and at once."""
    bench = DrainBench(FakeEventSource(Script([burst(5)])), max_in_flight=1)
    report = bench.drain()
    assert report.acked == report.batches == 5
    assert bench.took < IDLE + LINGER + 5 * bench.ack_seconds


def test_sink_that_is_down_stops_the_reading() -> None:
    """At most max_in_flight events are held, and the number of unread ones is bounded."""
    bench = DrainBench(FakeEventSource(Script([burst(1000)]), max_unread=7), archive=hanging())
    report = bench.drain()
    assert bench.reader.taken == bench.max_in_flight
    assert report.received == bench.max_in_flight + 7
    assert report.failures == {"archive:OutOfTime": bench.max_in_flight}
    assert report.end_reason is EndReason.WINDOW
    # Two seconds are reserved for acks, of which there are none.
    assert bench.took == pytest.approx(COMMIT_UNTIL - 2, abs=TURNS)


def test_acks_under_a_rate_limit_make_no_duplicates() -> None:
    """With a limit of 50 acks a second, 20 at once, each ack arrives before a redelivery."""
    tokens, taken_at = 20.0, 0.0

    def limited(_delivery: Delivery, _attempt: int, _token: str | None) -> Answer:
        nonlocal tokens, taken_at
        tokens, taken_at = min(20.0, tokens + (now() - taken_at) * 50), now()
        if tokens < 1:
            return SLOW_DOWN
        tokens -= 1
        return None

    script = Script([burst(100, at=index * 2.0, first=index * 100) for index in range(15)])
    bench = DrainBench(FakeEventSource(script, max_unread=100), max_in_flight=200, acks=limited)
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    assert (report.acked, report.left.total()) == (1500, 0)
    assert bench.took <= 1500 / 50 + IDLE + 5


# --- Deliveries that can't become a line or a message ---


def test_poison_is_committed_and_acked(caplog: pytest.LogCaptureFixture) -> None:
    """An unreadable event is written to both sinks, counted, and acked like others."""
    poison = poison_message(1)
    source = FakeEventSource(Script([Arrival(0.0, [message(0), poison, message(2)])]))
    bench = DrainBench(source)

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert (report.received, report.committed, report.acked) == (3, 3, 3)
    assert (report.quarantined, report.oversize) == (1, 0)
    assert not report.left.total()
    assert sorted(bench.acker.acked) == ["ack-0-0", "ack-1-0", "ack-2-0"]
    event_id = quarantined_of(1).event_id
    held = bench.archive.held[event_id]
    assert held.pointer is PointerReason.QUARANTINE
    assert b64encode(poison).decode() in held.line
    assert event_id in bench.queue.held
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert warning.getMessage() == (
        f"delivery quarantined as event {event_id}: its message does not parse"
    )


def test_poison_without_handle_is_kept_and_left() -> None:
    """An unreadable event without a handle is written to both sinks, but can't be acked."""
    bench = DrainBench(FakeEventSource(Script([Arrival(0.0, [message(0), unreadable_message(1)])])))
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    assert (report.committed, report.acked, report.quarantined) == (2, 1, 1)
    assert report.left == {LeftReason.ACK: 1}
    assert report.failures == {"ack:NoAckInfo": 1}
    pointers = {each.pointer for each in bench.queue.held.values()}
    assert pointers == {None, PointerReason.QUARANTINE}


def test_heartbeats_are_no_events_and_keep_no_run_open() -> None:
    """Heartbeats are counted, not written, and don't interrupt the idle time."""
    beats = [Arrival(float(second), [b""]) for second in range(60)]
    bench = DrainBench(FakeEventSource(Script([burst(1), *beats])))
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    assert bench.took == pytest.approx(IDLE, abs=TURNS)
    assert (report.received, report.quarantined, report.acked) == (1, 0, 1)
    assert report.heartbeats >= 5
    assert len(bench.archive.held) == 1


def test_flood_of_heartbeats_lets_others_take_turns() -> None:
    """Many heartbeats don't block the event loop."""
    turns: list[int] = []
    seen: list[int] = []

    class Flooded(FakeConnection):
        flood = 100

        @property
        def unread(self) -> int:
            return self.flood

        def take(self, most: int) -> Sequence[tuple[bytes, datetime]]:
            assert most > 0
            seen.append(len(turns))
            asyncio.get_running_loop().call_soon(turns.append, self.flood)
            self.flood -= 1
            return [(b"", RECEIVED_AT)]

    bench = DrainBench(FakeEventSource(Script(), connection_class=Flooded))
    report = run(bench.run())
    assert (report.heartbeats, report.end_reason) == (100, EndReason.IDLE)
    assert seen == list(range(100))


def test_log_has_no_content(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of a message is logged: no number, subscription, handle or bytes."""
    caplog.set_level(logging.DEBUG)
    poison = [poison_message(1), unreadable_message(2)]
    bench = DrainBench(FakeEventSource(Script([Arrival(0.0, poison)])))
    bench.drain()
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == len(poison)
    content = [
        "999",
        "madeup:eu",
        "ack-1-0",
        r"\xff",
        *(b64encode(each).decode() for each in poison),
    ]
    assert [each for each in content if each in caplog.text] == []
