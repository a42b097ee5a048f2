"""The event server: one durable queue, its connections, its acks, and the ports over them."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from msgspec import Struct

from eventdrain.errors import (
    AccessRefused,
    ApiSilent,
    FailureKind,
    StreamEnded,
    StreamRefused,
    Unauthenticated,
)
from tests.simulation.world import TIMED_OUT, Call, Point, failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime

    from eventdrain.errors import Failure, StreamError
    from eventdrain.events import Delivery
    from tests.simulation.secrets import Tokens
    from tests.simulation.world import Fact, Run, World

_ACK_SECONDS: Final = 5.0
_LEAVING_SECONDS: Final = 0.3
"""As in the adapter: closing a connection takes up to so long."""
_YOUNG_SECONDS: Final = 0.05
_LONG_WAITING_SECONDS: Final = 4.0
BROKEN: Final = "UNAVAILABLE"
"""The status of a stream whose connection broke."""
ENDS: Final[Mapping[str, type[StreamError]]] = {
    "UNAUTHENTICATED": Unauthenticated,
    "PERMISSION_DENIED": AccessRefused,
    "INVALID_ARGUMENT": StreamRefused,
}
"""The errors of a stream's statuses; all others are ``StreamEnded``."""
_RETRYABLE: Final = failure(FailureKind.RETRYABLE, "STATUS_CODE_FAILURE")
_NOT_FOUND: Final = failure(FailureKind.EVENT_REJECTED, "NOT_FOUND")


@dataclass(slots=True, eq=False)
class Event:
    """An event at the server.

    Attributes:
        number: Its number in the schedule.
        message: Returns its message for a handle and whether it is redelivered.
        event_id: The engine's id of it.
        published_at: When it is published.
        made_at: When it was made, by its own time.
        kind: "usual", "old", "oversize" or "unreadable".
        acked_at: When the server registered its first ack; None if it has not.
        sent: How often it was sent.
    """

    number: int
    message: Callable[[str, bool], bytes]
    event_id: str
    published_at: float
    made_at: float
    kind: str = "usual"
    acked_at: float | None = None
    sent: int = 0


@dataclass(slots=True, eq=False)
class Sent:
    """One delivery, as the server knows it: outstanding while its connection lists the handle."""

    event: Event
    connection: Connection
    was_acked: bool = False


class Rules(Struct, frozen=True):
    """How the server behaves where the API's documentation is silent.

    Attributes:
        requeues_at_once: Whether the deliveries of a closed stream are sent again at once, and not
            only after their ack time-out.
        accepts_stale: Whether it accepts acks of deliveries that it has given up.
        accepts_repeated: Whether it accepts further acks of one delivery.
        rejects_by_status: Whether it rejects acks by a status that may be retried.
    """

    requeues_at_once: bool
    accepts_stale: bool
    accepts_repeated: bool
    rejects_by_status: bool


class EventServer:
    """The server.

    Args:
        world: The world.
        tokens: The tokens that it accepts.

    Attributes:
        events: All events that were published.
        sent: All deliveries, by handle.
        connections: The open streams; the one whose turn is next comes first.
    """

    # What faults change while they last; these are the usual values.
    is_down: bool = False
    sends_twice: bool = False
    omits_handles: bool = False
    sends_heartbeats: bool = False
    forgets_acks: bool = False
    loses_messages: bool = False
    in_flight_factor: int = 1
    delay_seconds: float = 0.0
    cuts_young: str = ""
    is_slow: bool = False

    def __init__(self, world: World, tokens: Tokens) -> None:
        self.world = world
        self.tokens = tokens
        self._rules = world.schedule.rules
        self.events: list[Event] = []
        self._waiting: deque[Event] = deque()
        self.sent: dict[str, Sent] = {}
        self.connections: deque[Connection] = deque()

    # --- What the world does to it ---

    def publish(self, event: Event) -> None:
        """Accept a new event."""
        self.world.note("server", "event %d is published", event.number)
        self.events.append(event)
        self._waiting.append(event)
        self.dispatch()

    def cut(self, code: str) -> None:
        """End all streams."""
        for connection in [*self.connections]:
            connection.end(code)

    def forget(self) -> None:
        """Forget the position: send the whole history again, as if it were new."""
        for sent in self.sent.values():
            sent.connection.outstanding.clear()
        waiting = {*self._waiting}
        self._waiting.extend(event for event in self.events if event not in waiting)
        self.dispatch()

    def expire_all(self) -> None:
        """Give up all deliveries, and send the events again."""
        for handle in [*self.sent]:
            self._expire(handle)

    def count_waiting(self, run: Run) -> int:
        """Return how many new events have waited for a while for a run's room, as they can't."""
        if self.world.oddities(run.opened_at) - {"sends_heartbeats"}:
            return 0
        long_ago = self.world.time - _LONG_WAITING_SECONDS
        return sum(not e.sent and e.published_at < long_ago for e in self._waiting)

    # --- Deliveries ---

    def dispatch(self) -> None:
        """Send waiting events to the connections that have room, in turns."""
        if self.is_down:
            return
        if self.sends_heartbeats:
            for connection in self.connections:
                connection.transmit(b"")
        while self._waiting and (roomy := self._next_with_room()) is not None:
            event = self._waiting.popleft()
            for _ in range(2 if self.sends_twice else 1):
                self._send(event, roomy)

    def _next_with_room(self) -> Connection | None:
        limit = self.world.settings.max_in_flight * self.in_flight_factor
        for _ in range(len(self.connections)):
            self.connections.rotate(-1)
            connection = self.connections[-1]
            if len(connection.outstanding) < limit:
                return connection
        return None

    def _send(self, event: Event, connection: Connection) -> None:
        sent_before = event.sent
        event.sent += 1
        handle = f"ack-{event.number}-{event.sent}"
        self.sent[handle] = Sent(event, connection)
        connection.outstanding[handle] = None
        shown = "" if self.omits_handles else handle
        self.world.note("server", "sends event %d to %s as %s", event.number, connection, handle)
        if not self.loses_messages:
            connection.transmit(event.message(shown, sent_before > 0), event, sent_before)
        self.world.later(self.world.settings.ack_timeout.total_seconds(), self._expire, handle)

    def _expire(self, handle: str) -> None:
        sent = self.sent[handle]
        if handle in sent.connection.outstanding:
            del sent.connection.outstanding[handle]
            if sent.event not in self._waiting:
                # Before all new events, as in the event server of the fault tests.
                self._waiting.insert(sum(each.sent > 0 for each in self._waiting), sent.event)
            self.dispatch()

    def disconnect(self, connection: Connection) -> None:
        """Forget a connection that was closed or broke."""
        if connection not in self.connections:
            return
        self.connections.remove(connection)
        if self._rules.requeues_at_once:
            for handle in [*connection.outstanding]:
                self._expire(handle)

    def note_death(self, run: Run) -> None:
        """Notice after a while that a run's process has died."""
        for connection in self.connections:
            if connection.run is run:
                self.world.later(self.world.chance.choice((0.0, 10.0)), self.disconnect, connection)

    def ack(self, handle: str, token: str | None, run: Run) -> Failure | None:
        """Acknowledge a delivery; return the server's answer."""
        if self.is_down:
            return failure(FailureKind.RETRYABLE, "UNAVAILABLE")
        if not self.tokens.accepts(token):
            self.tokens.note_rejected(token, run)
            return failure(FailureKind.TOKEN_REJECTED, "UNAUTHENTICATED")
        rejection = _RETRYABLE if self._rules.rejects_by_status else _NOT_FOUND
        sent = self.sent.get(handle)
        if sent is None:
            self.world.violate(f"{run.name} acks {handle}, which was never sent")
            return rejection
        is_repeated = sent.was_acked and not self._rules.accepts_repeated
        is_outstanding = handle in sent.connection.outstanding
        is_stale = not (is_outstanding or sent.was_acked or self._rules.accepts_stale)
        if is_repeated or is_stale:
            return rejection
        if self.forgets_acks:
            return None
        sent.was_acked = True
        self.world.note("server", "takes the ack %s", handle)
        if sent.event.acked_at is None:
            sent.event.acked_at = self.world.time
        if sent.event in self._waiting:
            self._waiting.remove(sent.event)
        if is_outstanding:
            del sent.connection.outstanding[handle]
            self.dispatch()
        return None


@dataclass(eq=False)
class Connection:
    """An open stream; see ``ports.Connection``.

    Attributes:
        outstanding: The handles of its deliveries that are neither acked nor given up, in order.
        opened_at: When it was opened, or before that, when the client began to open it.
        is_proven: Whether the client has heard it.
        is_closed: Whether the client has left it.
        in_transit: Messages of a slow API that have not arrived yet.
    """

    server: EventServer
    run: Run
    _token: str | None
    _on_arrival: Callable[[], None]
    outstanding: dict[str, None] = field(default_factory=dict)
    is_proven: bool = False
    is_closed: bool = False
    in_transit: int = 0
    _unread: deque[tuple[float, Fact | None, tuple[bytes, datetime]]] = field(default_factory=deque)
    _on_the_way: deque[tuple[Any, ...]] = field(default_factory=deque)
    _is_announced: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _reached_at: float = 0.0
    _code: str = ""
    _end: StreamError | None = None

    def __post_init__(self) -> None:
        self.world = self.server.world
        self.opened_at = self.world.time
        self._number = self.run.connections
        self._room = self.world.settings.max_in_flight

    @property
    def oldest_unread(self) -> float:
        """When the oldest unread message arrived; infinite if there is none."""
        return self._unread[0][0] if self._unread else math.inf

    def __str__(self) -> str:
        """Return a name for traces."""
        return f"stream {self._number} of {self.run.name}"

    async def opened(self) -> None:
        """See ``ports.Connection``."""
        world = self.world
        call = Call(Point.OPEN, self._open, lambda answer: self._error(answer.code, answer.hint))
        opening = asyncio.create_task(world.call(call))
        opening.add_done_callback(lambda _: self._changed.set())
        try:
            # A message shows that it is open; it may also end before it is known to be open.
            while not (opening.done() or self.is_proven or self._end):
                self._changed.clear()
                await self._changed.wait()
            error = self._end or (opening.result() if opening.done() else None)
        finally:
            opening.cancel()
        if error is not None:
            world.note(self.run.name, "cannot open a stream: %s", error)
            if world.chance.random() < 0.5:
                raise error
            self._end = error  # the connection is open, and the server refuses the stream
        self.opened_at = world.time
        world.note(self.run.name, "has opened %s", self)

    def _open(self) -> StreamError | None:
        server = self.server
        if server.is_down:
            return None  # a gateway accepts it
        if not server.tokens.accepts(self._token):
            return self._error("UNAUTHENTICATED")
        server.connections.append(self)
        self.opened_at = self.world.time
        if server.cuts_young:
            age = 0.2 + self.world.chance.random() * 2
            self.world.later(age, self.end, server.cuts_young)
        server.dispatch()
        return None

    async def probe(self) -> None:
        """See ``ports.Connection``."""

        def answer() -> bool:
            # A gateway passes calls on also if the stream that it holds leads nowhere.
            return not self.server.is_down and self._end is None

        if self.server.is_slow:
            await asyncio.sleep(1.0)
        if not await self.world.call(Call(Point.PROBE, answer, lambda _: False)):
            raise ApiSilent("made up: no answer")
        self._prove()

    async def ended(self) -> NoReturn:
        """See ``ports.Connection``."""
        while self._end is None:
            self._changed.clear()
            await self._changed.wait()
        raise self._end

    @property
    def unread(self) -> int:
        """See ``ports.Connection``."""
        return len(self._unread)

    def take(self, limit: int) -> Sequence[tuple[bytes, datetime]]:
        """See ``ports.Connection``."""
        self._is_announced = False
        taken = [self._unread.popleft() for _ in range(min(limit, len(self._unread)))]
        self.run.note_taken([fact for _, fact, _ in taken if fact is not None])
        if not self.is_closed:
            self.run.check_room()
        while self._on_the_way and not self.is_closed and len(self._unread) < self._room:
            self._arrive(*self._on_the_way.popleft())
        self._finish()
        return [message for *_, message in taken]

    # --- The network ---

    def transmit(self, message: bytes, event: Event | None = None, sent_before: int = 0) -> None:
        """Send an event's message to the client, or a heartbeat."""
        self._send(self._received, message, event, sent_before)
        is_young = self.world.time - self.opened_at < _YOUNG_SECONDS
        self.in_transit += event is not None and self.server.is_slow and is_young

    def _send(self, receive: Callable[..., None], *args: object) -> None:
        """Let something reach the client, after what was sent before."""
        server, world = self.server, self.world
        seconds = world.schedule.latency / 2 + server.delay_seconds + 1.5 * server.is_slow
        self._reached_at = max(self._reached_at, world.time + seconds)
        world.later(self._reached_at - world.time, receive, *args)

    def _received(self, *message: Any) -> None:
        self.in_transit = 0  # they arrive in order
        if self.is_closed or self._end is not None or self.run.is_dead:
            return
        if len(self._unread) >= self._room:
            self._on_the_way.append(message)
        else:
            self._arrive(*message)

    def _arrive(self, message: bytes, event: Event | None, sent_before: int) -> None:
        run, now = self.run, self.world.time
        fact = None
        if event is None:
            run.heartbeats += 1
        else:
            run.kinds[event.kind] += 1
            run.redelivered += sent_before > 0
            run.last_arrival = now
            age = None if event.kind == "unreadable" else now + run.skew_seconds - event.made_at
            fact = (age, sent_before > 0)
        self._prove()
        arrived_at = math.inf if event is None else now
        self._unread.append((arrived_at, fact, (message, self.world.wall_clock(run))))
        if not self._is_announced:
            self._is_announced = True
            run.later(self._on_arrival)
            run.later(self._changed.set)

    def _prove(self) -> None:
        if not self.is_proven:
            self.is_proven = True
            self.run.note_proven(self.opened_at)

    def end(self, code: str) -> None:
        """End the stream, if it is open: after what was sent, which a broken connection loses."""
        if self not in self.server.connections:
            return
        self.world.note("server", "%s ends: %s", self, code)
        self.run.strikes += 1
        self.server.disconnect(self)
        if code == BROKEN:
            self._on_the_way.clear()
            self._note_end(code)
        else:
            self._send(self._note_end, code)

    def _note_end(self, code: str) -> None:
        self._code = code
        self._finish()

    def _finish(self) -> None:
        """Report the end of the stream once all messages before it have arrived."""
        if self._code and not (self._on_the_way or self.is_closed or self._end):
            self._end = self._error(self._code)
            self.run.later(self._changed.set)

    def _error(self, code: str, hint: str = "") -> StreamError:
        """Return the error of a stream that ends with a status."""
        error = ENDS.get(code, StreamEnded)
        if error is Unauthenticated:
            self.server.tokens.note_rejected(self._token, self.run)
        if issubclass(error, StreamRefused):
            self.run.needs["a stream is refused"] = ("a failure",)
        return error(f"made up: {code}", hint=hint)


class Client:
    """The event API for one run; see ``ports.EventSource`` and ``ports.Acker``."""

    def __init__(self, server: EventServer, run: Run) -> None:
        self._server = server
        self._run = run

    @asynccontextmanager
    async def connect(
        self, token: str | None, on_arrival: Callable[[], None]
    ) -> AsyncIterator[Connection]:
        """See ``ports.EventSource``."""
        run, world = self._run, self._server.world
        run.note_connecting(token)
        connection = Connection(self._server, run, token, on_arrival)
        is_left = False
        try:
            yield connection
        except asyncio.CancelledError:
            is_left = True
            run.note_left(connection, self._server.count_waiting(run))
            raise
        finally:
            connection.is_closed = True
            if not is_left:
                run.ends.append(world.time)
            if connection.is_proven:
                run.proven_streams -= 1
                run.heard_until = world.time
            elif not (is_left or run.proven_streams):
                run.unproven_at = world.time
            try:
                await asyncio.sleep(world.chance.random() * _LEAVING_SECONDS)
            finally:  # even if it is cancelled again
                run.open_connections -= 1
                world.later(world.schedule.latency / 2, self._server.disconnect, connection)

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Failure | None]:
        """See ``ports.Acker``."""
        world, run = self._server.world, self._run
        run.use(token)
        for delivery in deliveries:
            run.note_ack(delivery, timeout_seconds)
        timeout = min(_ACK_SECONDS, timeout_seconds)
        if world.may_strike(Point.ACK):
            answers = await asyncio.gather(
                *(self._ack_alone(each.ack_info, token, timeout) for each in deliveries)
            )
        else:
            latency = world.latency
            await asyncio.sleep(min(latency, timeout) / 2)
            answers = [self._server.ack(each.ack_info, token, run) for each in deliveries]
            await asyncio.sleep(min(latency, timeout) / 2)
            if latency > timeout:
                answers = [TIMED_OUT] * len(deliveries)
        run.last_activity = world.time
        for delivery, answer in zip(deliveries, answers, strict=True):
            run.acks_confirmed += answer is None
            run.has_met_fatal |= answer is not None and answer.kind is FailureKind.FATAL
            run.last_answers[delivery.ack_info] = (answer, world.time)
            is_throttled = answer is not None and answer.kind is FailureKind.THROTTLED
            run.was_throttled |= is_throttled
            run.ack_failures[delivery.ack_info] += answer is not None and not is_throttled
        return answers

    async def _ack_alone(self, handle: str, token: str | None, seconds: float) -> Failure | None:
        def failed(answer: Failure) -> Failure | None:
            if answer.kind is FailureKind.TOKEN_REJECTED:
                self._server.tokens.note_rejected(token, self._run)
            return answer

        call = Call(Point.ACK, lambda: self._server.ack(handle, token, self._run), failed)
        return await self._server.world.call_within(seconds, call)
