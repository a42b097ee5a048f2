"""Which stream gets which event, and what an ack does, as the vendor documents it.

Pure code: no gRPC, no thread, no timer. Time comes from an injected clock, in seconds since 1970.
One :class:`EventLog` for each event type holds what was published; a :class:`DeliveryQueue` is a
reader of one log with a position of its own, shared by the streams that have joined it.
"""

from __future__ import annotations

import heapq
import math
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from simulator.event_server.event_types import EVENT_TYPES
from simulator.event_server.rules import Answer, Requeue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulator.event_server.event import Event
    from simulator.event_server.rules import ServerRules, StartPosition, StreamTerms


class Published(NamedTuple):
    """An event in the log: its number, unique on the server, and when it was published."""

    number: int
    event: Event
    at: float


class EventLog:
    """The published events of one type.

    Args:
        rules: Of these, ``history`` is used.
        clock: Returns seconds since 1970.
    """

    def __init__(self, rules: ServerRules, clock: Callable[[], float]) -> None:
        self._history = rules.history.total_seconds()
        self._clock = clock
        self._events: list[Published] = []
        self._oldest = 0

    def append(self, number: int, event: Event) -> None:
        """Publish an event; numbers must grow."""
        self._events.append(Published(number, event, self._clock()))

    def start(self, position: StartPosition) -> int:
        """Return the index of the first event that a new reader gets.

        An id is the event's number, a timestamp the time of its publication: the documentation
        names neither, and a message log knows no other.
        """
        oldest, end = self.oldest(), len(self._events)
        match position.kind:
            case "oldest_possible":
                return oldest
            case "id":
                past = (i for i in range(oldest, end) if self._events[i].number >= position.value)
                return next(past, end)
            case "timestamp":
                past = (i for i in range(oldest, end) if self._events[i].at >= position.value)
                return next(past, end)
            case "new":
                return end

    def oldest(self) -> int:
        """Return the index of the oldest event that can still be delivered."""
        horizon = self._clock() - self._history
        while self._oldest < len(self._events) and self._events[self._oldest].at < horizon:
            self._oldest += 1
        return self._oldest

    def has_expired(self, published: Published) -> bool:
        """Return whether an event is older than the history."""
        return published.at < self._clock() - self._history

    def __getitem__(self, index: int) -> Published:
        return self._events[index]

    def __len__(self) -> int:
        return len(self._events)


class AckOutcome(Enum):
    """The effect of an ack."""

    SETTLED = "settled"
    REPEATED = "repeated"  # a success, of an event that was settled before
    UNKNOWN = "unknown"
    STALE = "stale"
    ENDED = "ended"

    @property
    def is_success(self) -> bool:
        """Whether the client gets ``STATUS_CODE_SUCCESS``."""
        return self in (AckOutcome.SETTLED, AckOutcome.REPEATED)


@dataclass(eq=False, slots=True)
class Delivery:
    """One arrival of an event at one stream.

    Attributes:
        published: The event.
        stream_id: The stream that it was sent on.
        ack_info: Its opaque handle, different for every delivery; None if no ack is expected.
        is_redelivered: Whether the queue has sent the event before.
        deadline: The time of its ack time-out; infinite if no ack is expected.
        is_out: Whether it counts as in flight: not acked, not overdue, not back in the queue.
    """

    published: Published
    stream_id: int
    ack_info: str | None
    is_redelivered: bool
    deadline: float
    is_out: bool


class DeliveryQueue:
    """A position in a log, shared by the streams that have joined.

    Args:
        log: The log that it reads.
        rules: Its behaviour where the documentation leaves it open.
        clock: Returns seconds since 1970.
        start: Where it begins.
    """

    def __init__(
        self,
        log: EventLog,
        rules: ServerRules,
        clock: Callable[[], float],
        start: StartPosition,
    ) -> None:
        self._log = log
        self._rules = rules
        self._clock = clock
        self._position = log.start(start)
        self._streams: dict[int, StreamTerms] = {}
        self._out: dict[int, dict[int, Delivery]] = {}
        self._latest: dict[int, Delivery] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._settled_by: dict[int, str] = {}
        self._requeued: OrderedDict[int, Published] = OrderedDict()
        self._deadlines: list[tuple[float, str]] = []
        self._left_at = clock()

    @property
    def is_expired(self) -> bool:
        """Whether its last stream left so long ago that the position is discarded."""
        kept = self._rules.position_kept.total_seconds()
        return not self._streams and self._clock() - self._left_at >= kept

    @property
    def streams(self) -> tuple[int, ...]:
        """The streams that have joined and not left."""
        return tuple(self._streams)

    def in_flight(self, stream_id: int) -> int:
        """Return how many deliveries of a stream are in flight."""
        return len(self._out.get(stream_id, ()))

    def join(self, stream_id: int, terms: StreamTerms) -> None:
        """Let a stream take from this queue."""
        self._streams[stream_id] = terms
        self._out[stream_id] = {}

    def leave(self, stream_id: int) -> None:
        """Remove a stream; its deliveries in flight go back to the queue as ``requeue`` says."""
        del self._streams[stream_id]
        if not self._streams:
            self._left_at = self._clock()
        if self._rules.requeue is Requeue.AT_ONCE:
            self._put_back(self._out.pop(stream_id).values())

    def take(self, stream_id: int, *, in_flight_factor: int = 1) -> Delivery | None:
        """Return a stream its next delivery; None if there is no event or no room.

        Args:
            stream_id: A stream that has joined.
            in_flight_factor: Multiplies ``max_in_flight``: a fault if above 1.
        """
        self.put_back_overdue()
        terms = self._streams[stream_id]
        if self.in_flight(stream_id) >= terms.max_in_flight * in_flight_factor:
            return None
        published = self._next()
        if published is None:
            return None
        number = published.number
        is_redelivered = number in self._latest
        if terms.ack_timeout is None:
            delivery = Delivery(published, stream_id, None, is_redelivered, math.inf, is_out=False)
        else:
            ack_info = secrets.token_urlsafe(18)
            deadline = self._clock() + terms.ack_timeout
            delivery = Delivery(
                published, stream_id, ack_info, is_redelivered, deadline, is_out=True
            )
            self._deliveries[ack_info] = delivery
            self._out[stream_id][number] = delivery
            heapq.heappush(self._deadlines, (deadline, ack_info))
        self._latest[number] = delivery
        return delivery

    def ack(self, ack_info: str) -> AckOutcome:
        """Acknowledge the event of one delivery."""
        self.put_back_overdue()
        delivery = self._deliveries.get(ack_info)
        if delivery is None or self.is_expired:
            return AckOutcome.UNKNOWN
        number = delivery.published.number
        latest = self._latest[number]
        is_stale = latest is not delivery or delivery.deadline <= self._clock()
        has_ended = delivery.stream_id not in self._streams
        if (settled_by := self._settled_by.get(number)) is not None:
            is_same = settled_by == ack_info
            rule = self._rules.repeated_acks if is_same else self._rules.stale_acks
            return AckOutcome.REPEATED if rule is Answer.ACCEPT else AckOutcome.STALE
        if has_ended and self._rules.acks_after_end is Answer.REFUSE:
            return AckOutcome.ENDED
        if is_stale and self._rules.stale_acks is Answer.REFUSE:
            return AckOutcome.STALE
        self._settled_by[number] = ack_info
        self._requeued.pop(number, None)
        self._no_longer_out(latest)
        return AckOutcome.SETTLED

    def put_back_overdue(self) -> None:
        """Put every event whose ack time-out has passed back into the queue."""
        while (remaining := self.until_deadline()) is not None and remaining <= 0:
            _, ack_info = heapq.heappop(self._deadlines)
            self._put_back([self._deliveries[ack_info]])

    def until_deadline(self) -> float | None:
        """Return the seconds until the next ack time-out; None if nothing is in flight."""
        while self._deadlines and not self._deliveries[self._deadlines[0][1]].is_out:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] - self._clock() if self._deadlines else None

    def time_out(self, delivery: Delivery) -> None:
        """Let a delivery's ack time-out pass now: the fault "redelivered before its ack"."""
        if delivery.is_out:
            delivery.deadline = self._clock()
            self._put_back([delivery])

    def forget_ack(self, ack_info: str) -> None:
        """Forget an ack and deliver the event again: the fault "redelivered after its ack"."""
        number = self._deliveries[ack_info].published.number
        if self._settled_by.pop(number, None) is not None:
            self._requeued[number] = self._latest[number].published

    def _next(self) -> Published | None:
        while self._requeued:
            _, published = self._requeued.popitem(last=False)
            if not self._log.has_expired(published):
                return published
        self._position = max(self._position, self._log.oldest())
        if self._position >= len(self._log):
            return None
        self._position += 1
        return self._log[self._position - 1]

    def _put_back(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in tuple(deliveries):
            self._no_longer_out(delivery)
            self._requeued[delivery.published.number] = delivery.published

    def _no_longer_out(self, delivery: Delivery) -> None:
        delivery.is_out = False
        self._out.get(delivery.stream_id, {}).pop(delivery.published.number, None)


class QueueKey(NamedTuple):
    """Client, event type and name of a queue; each regular stream has its own."""

    client_id: str
    event_type: str
    name: str
    regular_stream: int | None = None


class Queues:
    """The logs of all event types and the queues that read them. Pure, like the queues.

    Args:
        rules: Limits and behaviour of the server.
        clock: Returns seconds since 1970.
    """

    def __init__(self, rules: ServerRules, clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._logs = {name: EventLog(rules, clock) for name in EVENT_TYPES}
        self._queues: dict[QueueKey, DeliveryQueue] = {}
        self._handles: dict[str, tuple[QueueKey, DeliveryQueue, Delivery]] = {}

    def publish(self, number: int, event: Event) -> None:
        """Append an event to its log."""
        self._logs[event.event_type].append(number, event)

    def join(
        self, client_id: str, event_type: str, stream_id: int, terms: StreamTerms
    ) -> tuple[QueueKey, DeliveryQueue]:
        """Let a stream join its queue, which is created at its start position if needed."""
        regular_stream = stream_id if terms.queue_name is None else None
        key = QueueKey(client_id, event_type, terms.queue_name or "", regular_stream)
        queue = self._queues.get(key)
        if queue is None or queue.is_expired:
            queue = DeliveryQueue(self._logs[event_type], self._rules, self._clock, terms.start)
            self._queues[key] = queue
        queue.join(stream_id, terms)
        return key, queue

    def leave(self, key: QueueKey, queue: DeliveryQueue, stream_id: int) -> None:
        """Remove a stream from its queue; a regular stream's queue is deleted."""
        queue.leave(stream_id)
        if key.regular_stream is not None:
            del self._queues[key]

    def remember(self, key: QueueKey, queue: DeliveryQueue, delivery: Delivery) -> None:
        """Store a delivery by its handle, so that its ack is recognised."""
        if delivery.ack_info is not None:
            self._handles[delivery.ack_info] = (key, queue, delivery)

    def find(
        self, client_id: str, event_type: str, ack_info: str
    ) -> tuple[QueueKey, DeliveryQueue, Delivery] | None:
        """Return the delivery of a handle; None if it is of another client or type, or unknown."""
        found = self._handles.get(ack_info)
        if found is None or found[0][:2] != (client_id, event_type):
            return None
        return found
