"""All queues of a server: which one a stream joins, and which one an ack belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.event_server.delivery_queue import DeliveryQueue, EventLog
from simulator.event_server.event_types import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.event_server.delivery_queue import Delivery
    from simulator.event_server.event import Event
    from simulator.event_server.rules import ServerRules, StreamTerms


class QueueKey(NamedTuple):
    """Whose queue it is, of which events, by which name; a regular stream has one of its own."""

    client_id: str
    event_type: str
    name: str
    regular_stream: int | None = None


class Queues:
    """The logs of all event types and the queues that read them. Pure, like the queues.

    Args:
        rules: What the server promises and permits.
        clock: Gives seconds since 1970.
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
        """Let a stream join its queue, made at its start position if none is held."""
        regular_stream = stream_id if terms.queue_name is None else None
        key = QueueKey(client_id, event_type, terms.queue_name or "", regular_stream)
        queue = self._queues.get(key)
        if queue is None or queue.is_expired:
            queue = DeliveryQueue(self._logs[event_type], self._rules, self._clock, terms.start)
            self._queues[key] = queue
        queue.join(stream_id, terms)
        return key, queue

    def leave(self, key: QueueKey, queue: DeliveryQueue, stream_id: int) -> None:
        """End a stream's part in its queue; a regular stream's position goes with it."""
        queue.leave(stream_id)
        if key.regular_stream is not None:
            del self._queues[key]

    def remember(self, key: QueueKey, queue: DeliveryQueue, delivery: Delivery) -> None:
        """Keep what a delivery's handle stands for, so that its ack is understood."""
        if delivery.ack_info is not None:
            self._handles[delivery.ack_info] = (key, queue, delivery)

    def find(
        self, client_id: str, event_type: str, ack_info: str
    ) -> tuple[QueueKey, DeliveryQueue, Delivery] | None:
        """Give what a handle stands for; None unless it is this client's and of this type."""
        found = self._handles.get(ack_info)
        if found is None or found[0][:2] != (client_id, event_type):
            return None
        return found
