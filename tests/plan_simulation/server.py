"""The event server: events that arrive at random, and a durable queue of them.

The queue is shared by its connections, delivers at least once, and keeps events for 30 minutes. A
parcel is one event, or several with the same time if there are too many to simulate each. The
engine's rules then count parcels, with limits divided by the size of a parcel.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import simpy

_HISTORY_SECONDS: Final = 1_800.0


@dataclass(slots=True, eq=False)
class Parcel:
    """Some events: their time, their phase, and when the server last sent them."""

    came_at: float
    phase: str
    delivered_at: float = 0.0
    is_redelivered: bool = False

    @property
    def age_seconds(self) -> float:
        """The age on arrival."""
        return self.delivered_at - self.came_at


@dataclass(frozen=True, slots=True)
class Phase:
    """A period with a constant rate of events."""

    name: str
    per_second: float
    seconds: float


def parcels(phases: Sequence[Phase], size: int, chance: random.Random) -> Iterator[Parcel]:
    """Yield parcels: a Poisson process in each phase."""
    begins = 0.0
    for phase in phases:
        at = begins
        begins += phase.seconds
        while (at := at + chance.expovariate(phase.per_second / size)) < begins:
            yield Parcel(at, phase.name)


class Connection:
    """The connections of one run, which share the events that it may have in flight.

    Args:
        queue: The queue.
        in_flight: How many parcels may be unacknowledged.
        on_arrival: Called when parcels have arrived.
    """

    def __init__(self, queue: EventQueue, in_flight: int, on_arrival: Callable[[], None]) -> None:
        self.unread: deque[Parcel] = deque()
        self.outstanding: dict[Parcel, None] = {}
        self.in_flight = in_flight
        self.on_arrival = on_arrival
        self._queue = queue

    def ack(self, acked: Iterable[Parcel]) -> None:
        """Acknowledge parcels, which makes room for others."""
        for parcel in acked:
            del self.outstanding[parcel]
        self._queue.dispatch()

    def close(self) -> None:
        """Disconnect: what is not acknowledged is sent again after the ack time-out."""
        self._queue.disconnect(self)


class EventQueue:
    """The queue; it sends what is not acknowledged again after ``ack_timeout`` seconds."""

    def __init__(self, env: simpy.Environment, ack_timeout: float) -> None:
        self._env = env
        self._ack_timeout = ack_timeout
        self._connections: deque[Connection] = deque()
        self._waiting: deque[Parcel] = deque()
        self.expired = 0

    def publish(self, parcel: Parcel) -> None:
        """Accept a new parcel."""
        self._waiting.append(parcel)
        self.dispatch()

    def connect(self, in_flight: int, on_arrival: Callable[[], None]) -> Connection:
        """Return a new connection."""
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
        """Send waiting parcels to the connections that have room, in turns."""
        now = self._env.now
        reached: dict[Connection, None] = {}
        while self._waiting and (connection := self._next_with_room()) is not None:
            parcel = self._waiting.popleft()
            if now - parcel.came_at > _HISTORY_SECONDS:
                self.expired += 1
                continue
            parcel.delivered_at = now
            connection.outstanding[parcel] = None
            connection.unread.append(parcel)
            reached[connection] = None
        for connection in reached:
            connection.on_arrival()

    def _next_with_room(self) -> Connection | None:
        for _ in range(len(self._connections)):
            self._connections.rotate(-1)
            connection = self._connections[-1]
            if len(connection.outstanding) < connection.in_flight:
                return connection
        return None

    def _redeliver(self, parcel: Parcel) -> simpy.events.ProcessGenerator:
        yield self._env.timeout(max(0.0, parcel.delivered_at + self._ack_timeout - self._env.now))
        parcel.is_redelivered = True
        self._waiting.appendleft(parcel)
        self.dispatch()
