"""A drain with fakes, in virtual time, checked against the invariants of every drain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from eventdrain.drain import Batch, Commit, Drain, EndReason, LeftReason, Pace, Report, Window
from eventdrain.errors import StreamRefused, Unauthenticated
from eventdrain.events import STREAMS, DeliveryReader, PointerReason
from tests.deliveries import message
from tests.fakes import (
    ACK_TIMEOUT,
    FOR_EVER,
    TRY_AGAIN,
    Arrival,
    FakeAcker,
    FakeAuthorization,
    FakeEventSource,
    FakeSink,
    Script,
)
from tests.unit.watched_queue import WatchedQueue
from tests.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from eventdrain.events import Delivery
    from tests.fakes import Answer

READ_UNTIL: Final = 60.0
COMMIT_UNTIL: Final = 75.0
IDLE: Final = 5.0
LINGER: Final = 0.25
TURNS: Final = 0.05
"""Tolerance for the time that iterations of the loop take, in seconds."""


class RecordingReader:
    """A delivery reader that counts messages."""

    def __init__(self) -> None:
        self._reader = DeliveryReader(STREAMS["handset_change"])
        self.taken = 0
        self.unreadable = 0
        self.read_at: list[float] = []

    def is_heartbeat(self, message: bytes) -> bool:
        """See ``DeliveryReader``."""
        is_heartbeat = self._reader.is_heartbeat(message)
        self.taken += is_heartbeat
        return is_heartbeat

    def read(self, message: bytes, received_at: datetime) -> Delivery | None:
        """See ``DeliveryReader``."""
        self.taken += 1
        self.read_at.append(now())
        delivery = self._reader.read(message, received_at)
        if delivery is not None and delivery.pointer is PointerReason.QUARANTINE:
            self.unreadable += 1
        return delivery


@dataclass
class DrainBench:
    """A drain with fakes.

    Attributes:
        most_waiting: The maximum of received messages that were not yet taken.
        took: How long the drain took.
    """

    source: FakeEventSource
    archive: FakeSink = field(default_factory=FakeSink)
    queue: FakeSink = field(default_factory=FakeSink)
    acks: Callable[[Delivery, int, str | None], Answer] = lambda _delivery, _attempt, _token: None
    ack_seconds: float = 0.03
    authorization: FakeAuthorization = field(default_factory=FakeAuthorization)
    limit: int = 100_000
    parallel_streams: int = 1
    max_in_flight: int = 20
    linger: float = LINGER
    idle: float = IDLE
    read_until: float = READ_UNTIL
    commit_until: float = COMMIT_UNTIL
    seconds_in_thread: float = 0.0

    def __post_init__(self) -> None:
        self.reader = RecordingReader()
        self.acker = FakeAcker(
            self.acks, seconds=lambda _call: self.ack_seconds, after=(self.archive, self.queue)
        )
        self.watched_queue = WatchedQueue(self.queue, self.archive)
        self.source.on_hand_over = self._note_waiting
        self.most_waiting = 0
        self.took = 0.0

    def drain(self) -> Report:
        """Run the drain, and check its invariants."""
        report = run(self.run(), seconds_in_thread=self.seconds_in_thread)
        self._check(report)
        return report

    async def run(self) -> Report:
        """Run the drain in the running event loop."""
        window = Window(read_until=self.read_until, commit_until=self.commit_until)
        drain = Drain(
            source=self.source,
            parallel_streams=self.parallel_streams,
            authorization=self.authorization,
            reader=self.reader,  # type: ignore[arg-type] # one that counts
            batch=Batch(max_in_flight=self.max_in_flight, linger=timedelta(seconds=self.linger)),
            commit=Commit(
                sinks={"archive": self.archive, "queue": self.watched_queue},
                acker=self.acker,
                authorization=self.authorization,
                ack_timeout=ACK_TIMEOUT,
                clock=now,
            ),
            pace=Pace(
                window,
                limit=self.limit,
                idle=timedelta(seconds=self.idle),
                max_in_flight=self.max_in_flight * self.parallel_streams,
                streams=self.parallel_streams,
            ),
            window=window,
            report=Report(event_type="handset_change"),
            clock=now,
        )
        try:
            return await drain.run()
        finally:
            self.took = now()

    def _note_waiting(self) -> None:
        # The number of waiting messages grows only here.
        self.most_waiting = max(self.most_waiting, self.source.handed_over - self.reader.taken)

    def _check(self, report: Report) -> None:
        assert self.acker.premature == [], "acked before both sinks had it"
        assert self.watched_queue.premature == [], "pointer sent before the archive had the event"
        # The counts reconcile, with each other and with those of the fakes.
        assert report.received == report.acked + sum(report.left.values())
        assert report.committed == report.acked + report.left[LeftReason.ACK]
        assert report.received + report.heartbeats == self.source.handed_over
        assert report.acked == len(self.acker.acked)
        waiting = self.source.handed_over - self.reader.taken
        assert report.left[LeftReason.NOT_TAKEN] == waiting
        assert report.quarantined == self.reader.unreadable
        assert report.ack_failed == report.left[LeftReason.ACK]
        assert report.connections == len(self.source.connected_at)
        # Nothing is confirmed twice, and everything that is counted is there.
        assert max(Counter(self.acker.acked).values(), default=1) == 1
        assert report.committed <= self.limit
        assert max(map(len, self.archive.calls), default=0) <= self.max_in_flight
        # Memory is bounded: only messages that connections read ahead wait.
        assert self.most_waiting <= self.source.max_unread * self.parallel_streams
        # The drain ends within its window, and has closed the stream.
        assert self.took <= self.commit_until + TURNS
        assert len(self.source.left_at) == len(self.source.connected_at)
        assert abs(report.run_seconds - self.took) <= TURNS
        assert (report.end_reason is EndReason.FAILED) == (report.error is not None)
        assert (report.end_reason is EndReason.LIMIT) <= (report.committed == self.limit)


# --- Arrivals and sinks ---

REFUSED: Final = StreamRefused("made up: not this stream")
REJECTED: Final = Unauthenticated("made up: not this token")


def messages(indexes: Iterable[int]) -> list[bytes]:
    """Build the messages of these events."""
    return [message(index) for index in indexes]


def burst(count: int, at: float = 0.0, first: int = 0) -> Arrival:
    """Return messages of distinct events that arrive together."""
    return Arrival(at, messages(range(first, first + count)))


def trickle(count: int, every: float) -> Script:
    """Return a script with messages that arrive one at a time."""
    return Script([burst(1, at=index * every, first=index) for index in range(count)])


def hanging() -> FakeSink:
    """Return a sink that never answers."""
    return FakeSink(seconds=lambda _call: FOR_EVER)


def down(answer: Answer = TRY_AGAIN) -> FakeSink:
    """Return a sink that rejects everything."""
    return FakeSink(lambda _delivery, _attempt: answer)
