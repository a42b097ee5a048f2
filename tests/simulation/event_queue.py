"""The event server's durable queue: shared by its connections, at least once, for 30 minutes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import simpy

    from tests.simulation.parcels import Parcel

HISTORY_SECONDS: Final = 1_800.0


class Connection:
    """A run's connections, which share what it may have in flight.

    Args:
        queue: The queue.
        in_flight: Parcels that may be out unacked.
        on_arrival: Called when some have come.
    """

    def __init__(self, queue: EventQueue, in_flight: int, on_arrival: Callable[[], None]) -> None:
        self.unread: deque[Parcel] = deque()
        self.outstanding: dict[Parcel, None] = {}
        self.in_flight = in_flight
        self.on_arrival = on_arrival
        self._queue = queue

    @property
    def has_room(self) -> bool:
        """Whether another parcel may be sent."""
        return len(self.outstanding) < self.in_flight

    def ack(self, parcels: Iterable[Parcel]) -> None:
        """Acknowledge parcels: that makes room for others."""
        for parcel in parcels:
            del self.outstanding[parcel]
        self._queue.dispatch()

    def close(self) -> None:
        """Go: what is not acked comes again after the ack time-out."""
        self._queue.disconnect(self)


class EventQueue:
    """The queue.

    Args:
        env: The simulation.
        ack_timeout: Seconds after which an unacked parcel is sent again.
    """

    def __init__(self, env: simpy.Environment, ack_timeout: float) -> None:
        self._env = env
        self._ack_timeout = ack_timeout
        self._connections: deque[Connection] = deque()
        self.waiting: deque[Parcel] = deque()
        self.expired = 0
        self.redelivered = 0

    def publish(self, parcel: Parcel) -> None:
        """Take a new parcel."""
        self.waiting.append(parcel)
        self.dispatch()

    def connect(self, in_flight: int, on_arrival: Callable[[], None]) -> Connection:
        """Open a connection."""
        connection = Connection(self, in_flight, on_arrival)
        self._connections.append(connection)
        self.dispatch()
        return connection

    def disconnect(self, connection: Connection) -> None:
        """Close a connection."""
        self._connections.remove(connection)
        for parcel in connection.outstanding:
            self._env.process(self._redeliver(parcel))

    def dispatch(self) -> None:
        """Send what waits to the connections that have room, in turns."""
        now = self._env.now
        reached: dict[Connection, None] = {}
        while self.waiting and self._connections:
            for _ in range(len(self._connections)):
                self._connections.rotate(-1)
                if self._connections[-1].has_room:
                    break
            else:
                break
            connection = self._connections[-1]
            parcel = self.waiting.popleft()
            if now - parcel.came_at > HISTORY_SECONDS:
                self.expired += 1
                continue
            parcel.delivered_at = now
            connection.outstanding[parcel] = None
            connection.unread.append(parcel)
            reached[connection] = None
        for connection in reached:
            connection.on_arrival()

    def _redeliver(self, parcel: Parcel) -> simpy.events.ProcessGenerator:
        yield self._env.timeout(max(0.0, parcel.delivered_at + self._ack_timeout - self._env.now))
        parcel.is_redelivered = True
        self.redelivered += 1
        self.waiting.appendleft(parcel)
        self.dispatch()
