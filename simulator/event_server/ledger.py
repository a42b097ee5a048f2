"""A record of what the server did, with which tests compare a client.

Every time is ``time.monotonic()``, which all processes of one machine share, so that an ack here
can be set against a write recorded elsewhere. Tests get a
:class:`LedgerSnapshot`, or a predicate's look at the live ledger in ``wait_until``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.event_server.delivery_queue import AckOutcome, Delivery, QueueKey
    from simulator.event_server.event import Event
    from wgtwo.events.v1.events_pb2 import StreamConfiguration


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery that was handed to gRPC."""

    stream_id: int
    queue: QueueKey
    at: float
    is_redelivered: bool
    ack_info: str | None


@dataclass(frozen=True, slots=True)
class AckRecord:
    """One ack call.

    Attributes:
        client_id: Who called.
        ack_info: The handle in the request.
        at: When the server processed it, after any delay by a fault.
        number: The event's number; None if the handle is unknown.
        outcome: Its effect on the queue; None if a fault kept it from the queue.
        answer: The name of the ``AckStatus`` code or of the gRPC status; or ``unanswered``.
    """

    client_id: str
    ack_info: str
    at: float
    number: int | None
    outcome: AckOutcome | None
    answer: str


@dataclass(slots=True)
class EventRecord:
    """One published event and all that happened to it.

    Attributes:
        number: Unique on the server.
        event: The event; ``event.undelivered`` is its message without a delivery's fields.
        published_at: When.
        deliveries: On all queues, in order.
        acks: Acks with a handle of the event, in order.
    """

    number: int
    event: Event
    published_at: float
    deliveries: list[DeliveryRecord] = field(default_factory=list)
    acks: list[AckRecord] = field(default_factory=list)


@dataclass(slots=True)
class StreamRecord:
    """One stream that was opened.

    Attributes:
        stream_id: Unique on the server.
        client_id: The client whose token opened it; empty without a token.
        event_type: The event type that it streams.
        configuration: The requested configuration.
        metadata: The call's metadata; its authorization is replaced by its SHA-256 in hexadecimal.
        peer: The client's address, as gRPC names it.
        opened_at: When.
        closed_at: None while it is open.
        ending: Why it was closed; empty while it is open.
        sent: Deliveries handed to gRPC.
        max_in_flight_seen: The maximum of unacknowledged deliveries.
    """

    stream_id: int
    client_id: str
    event_type: str
    configuration: StreamConfiguration
    metadata: tuple[tuple[str, str], ...]
    peer: str
    opened_at: float
    closed_at: float | None = None
    ending: str = ""
    sent: int = 0
    max_in_flight_seen: int = 0


@dataclass(frozen=True)
class FailureRecord:
    """One call that the server ended before it did anything: its path, gRPC status and reason."""

    path: str
    status: str
    reason: str
    at: float


@dataclass
class LedgerSnapshot:
    """A ledger, or a copy of one at one moment.

    Attributes:
        events: By number.
        streams: By stream id.
        acks: Every ack call, also with an unknown handle.
        failures: Calls refused because of their token, scope, terms or form.
        acked: Numbers of the acknowledged events.
        delivered: Numbers of the events that were handed to gRPC at least once.
        deliveries: The number of deliveries.
        redeliveries: The number of deliveries marked as redelivered.
    """

    events: dict[int, EventRecord] = field(default_factory=dict)
    streams: dict[int, StreamRecord] = field(default_factory=dict)
    acks: list[AckRecord] = field(default_factory=list)
    failures: list[FailureRecord] = field(default_factory=list)
    acked: set[int] = field(default_factory=set)
    delivered: set[int] = field(default_factory=set)
    deliveries: int = 0
    redeliveries: int = 0

    @property
    def published(self) -> int:
        """How many events were published."""
        return len(self.events)

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        return sum(stream.closed_at is None for stream in self.streams.values())

    @property
    def unacked(self) -> set[int]:
        """Numbers of the events that are not acknowledged."""
        return self.events.keys() - self.acked

    def counts(self) -> dict[str, int]:
        """Return the totals, for people and for JSON."""
        return {
            "published": self.published,
            "delivered": len(self.delivered),
            "acked": len(self.acked),
            "deliveries": self.deliveries,
            "redeliveries": self.redeliveries,
            "ack_calls": len(self.acks),
            "streams": len(self.streams),
            "open_streams": self.open_streams,
            "failures": len(self.failures),
        }


class Ledger(LedgerSnapshot):
    """The ledger that the server writes.

    Args:
        on_change: Called after every entry.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        super().__init__()
        self._on_change = on_change
        self._oldest_unacked = 1

    def lag_seconds(self) -> float:
        """Return the age of the oldest event that no queue has settled; 0 if there is none."""
        while self._oldest_unacked in self.acked:
            self._oldest_unacked += 1
        oldest = self.events.get(self._oldest_unacked)
        return 0.0 if oldest is None else monotonic() - oldest.published_at

    def record_published(self, number: int, event: Event) -> None:
        """Enter an event."""
        self.events[number] = EventRecord(number, event, monotonic())
        self._on_change()

    def record_opened(self, stream: StreamRecord) -> None:
        """Enter a stream."""
        self.streams[stream.stream_id] = stream
        self._on_change()

    def record_closed(self, stream_id: int, ending: str) -> None:
        """Record how a stream ended."""
        stream = self.streams[stream_id]
        stream.closed_at, stream.ending = monotonic(), ending
        self._on_change()

    def record_delivery(self, key: QueueKey, delivery: Delivery, in_flight: int) -> None:
        """Record a delivery, and the number in flight on its stream, this one included."""
        number = delivery.published.number
        self.events[number].deliveries.append(
            DeliveryRecord(
                delivery.stream_id, key, monotonic(), delivery.is_redelivered, delivery.ack_info
            )
        )
        stream = self.streams[delivery.stream_id]
        stream.sent += 1
        stream.max_in_flight_seen = max(stream.max_in_flight_seen, in_flight)
        self.delivered.add(number)
        self.deliveries += 1
        self.redeliveries += delivery.is_redelivered
        self._on_change()

    def record_ack(self, ack: AckRecord) -> None:
        """Record an ack call."""
        self.acks.append(ack)
        if ack.number is not None:
            self.events[ack.number].acks.append(ack)
            if ack.outcome is not None and ack.outcome.is_success:
                self.acked.add(ack.number)
        self._on_change()

    def record_failure(self, path: str, status: str, reason: str) -> None:
        """Record a call that was refused."""
        self.failures.append(FailureRecord(path, status, reason, monotonic()))
        self._on_change()

    def snapshot(self) -> LedgerSnapshot:
        """Return a copy of the ledger."""
        return LedgerSnapshot(
            {
                number: replace(record, deliveries=[*record.deliveries], acks=[*record.acks])
                for number, record in self.events.items()
            },
            {number: replace(stream) for number, stream in self.streams.items()},
            [*self.acks],
            [*self.failures],
            {*self.acked},
            {*self.delivered},
            self.deliveries,
            self.redeliveries,
        )
