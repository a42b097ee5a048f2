"""The world of one schedule: its clock, its chance, its calls with their faults, its violations."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Generic, TypeAlias

from eventdrain.drain import REPORTING_SECONDS
from eventdrain.errors import Failure, FailureKind
from tests.simulation.machine import PROCESS, Machine, Process, T, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventdrain.events import Delivery
    from tests.simulation.faults import Injected
    from tests.simulation.schedule import Schedule
    from tests.simulation.server import Connection

STARTED_AT: Final = datetime(2026, 3, 1, 23, 58, tzinfo=UTC)
"""Two minutes before midnight, so that schedules have events of two days."""
ACK_SECONDS: Final = 2.0
"""The time that is kept for acks, if it is not more than a quarter of all."""
SPARE_SECONDS: Final = 120
"""How long a token must outlive the window."""
_PAUSE_SECONDS: Final = 0.5
_AFTERMATH_SECONDS: Final = 30
"""What the event server does differently has consequences until its ack time-out."""
NO_TOKEN: Final = ("AuthenticationFailed", "TokenRenewalFailed")
"""The metrics of a run that gets no token; of these, it emits at least one."""


class Point(Enum):
    """A kind of call that a fault may strike."""

    OPEN = auto()
    PROBE = auto()
    ACK = auto()
    PUT = auto()
    SEND = auto()
    GET_SECRET = auto()
    PUT_SECRET = auto()
    MINT = auto()
    START = auto()
    READ = auto()


Fact: TypeAlias = tuple[float | None, bool]
"""An arrival's age, if the event can be read, and whether it is a redelivery."""
_OF_CONNECTIONS: Final = {Point.OPEN, Point.PROBE}
_OUTSIDE_THE_WINDOW: Final = {Point.GET_SECRET, Point.PUT_SECRET, Point.START}


@dataclass(slots=True)
class Call(Generic[T]):
    """One call of a service, for the effect of a fault.

    Attributes:
        point: Which call it is.
        perform: Lets it take effect, and returns its answer.
        failed: Returns, or raises, the answer of a failure.
        partly: Lets a part of it take effect, and returns its answer, where the rest fails.
        world: The world in which it is made.
        seconds: How long it takes without a fault.
    """

    point: Point
    perform: Callable[[], T]
    failed: Callable[[Failure], T]
    partly: Callable[[Failure], T] | None = None
    world: World = field(init=False)
    seconds: float = field(init=False)

    async def under_way(self) -> None:
        """Wait for half of the time, before or after it takes effect."""
        await asyncio.sleep(self.seconds / 2)

    async def arrives(self, seconds: float) -> T:
        """Let it take effect after some seconds, also if nobody waits any more; return its answer.

        Streams and probes are the exception: they end with their connections.
        """
        if self.point in _OF_CONNECTIONS:
            await asyncio.sleep(seconds)
            return self.perform()
        answer: asyncio.Future[T] = self.world.machine.create_future()
        self.world.later(seconds, resolve, answer, self.perform)
        return await answer


class Run(Process):
    """One run of the drain function, with what the world knows about it.

    A stream is proven once it was heard: by a message, a heartbeat or an answered probe.

    Args:
        world: The world.
        number: Its number in the schedule.
        timeout_at: When Lambda ends it.

    Attributes:
        opened_at: When its handler was called.
        read_until: Until when it may take deliveries, at the latest.
        commit_until: Until when it may commit, at the latest.
        timeout_at: When Lambda ends it.
        heartbeats: Heartbeats that have reached its connections.
        kinds: How many event messages of each kind have reached its connections.
        redelivered: How many of them were redeliveries.
        ages: For each readable event that it has taken, when it was taken, its age on arrival by
            the run's clock, and whether it is a redelivery.
        last_arrival: When an event last arrived; at first, when the run started.
        connections: Streams that it has opened.
        open_connections: Streams that are open now.
        proven_streams: Streams that are open now and proven.
        was_throttled: Whether an ack was throttled, so that acks wait for each other.
        to_store: The token that it must put into the cache; empty if there is none.
        proven_at: When it last heard a stream for the first time.
        heard_until: When its last proven stream ended.
        heard_since: When the first stream that it heard was opened; infinite before that.
        unproven_at: When its last proven stream ended (at first, when the run started); if the next
            one was open already by then, when that one was opened.
        open_since: When the first proven stream that it left open was opened; else infinite.
        ends: When streams ended other than by its own decision.
        left_streams: Streams that it left open.
        left_waiting: Events that waited at the server for room, when it left them.
        left_in_transit: Messages that were on their way, when it left them.
        oldest_unread: When the oldest message arrived that it left unread; infinite if none.
        acks_confirmed: Acks whose confirmation has reached it.
        ack_tries: For each handle, how often its ack was sent.
        ack_failures: For each handle, how often its ack has failed, other than by a limit.
        last_answers: For each handle, the last failure of its ack (None for success), and its time.
        tokens: Tokens that its calls have carried.
        minted: Tokens that it has minted.
        rejected: Tokens that the event server has rejected in its calls.
        rejected_before: Tokens that failed the run before it in its environment.
        strikes: How often a fault has struck its calls.
        slow_calls: Calls outside of its window that a fault has struck.
        taken: Event messages that it has taken from its streams.
        open_clients: Clients for acks that it has not closed.
        waited_seconds: How long calls outside of its window took, if faults may strike them.
        draining: When its drain began, and when it ended.
        needs: Metrics of which it must emit one, for faults that need a person, by the fault.
        was_frozen: Whether it was frozen, so that its times prove nothing.
    """

    def __init__(self, world: World, number: int, timeout_at: float) -> None:
        super().__init__(f"run {number}")
        self._world = world
        settings = world.settings
        self.confirmed = world.confirmed
        self.opened_at = world.time
        reserve = settings.reserve.total_seconds()
        window = min(settings.window.total_seconds(), timeout_at - world.time - reserve)
        self.read_until = self.opened_at + max(0.0, window)
        self.commit_until = min(self.read_until + reserve, timeout_at - REPORTING_SECONDS)
        self.timeout_at = timeout_at
        self.heartbeats = 0
        self.kinds: Counter[str] = Counter()
        self.ages: list[tuple[float, float, bool]] = []
        self.redelivered = 0
        self.to_store = ""
        self.was_throttled = False
        self.rejected_before: set[str | None] = set()
        self.connections = 0
        self.open_connections = 0
        self.proven_streams = 0
        self.acks_confirmed = 0
        self.ack_tries: Counter[str] = Counter()
        self.ack_failures: Counter[str] = Counter()
        self.last_answers: dict[str, tuple[Failure | None, float]] = {}
        self.rejected: set[str | None] = set()
        self.minted: list[str] = []
        self.heard_since = math.inf
        self.heard_until = 0.0
        self.proven_at = 0.0
        self.unproven_at = self.opened_at
        self.open_since = math.inf
        self.left_waiting = 0
        self.left_streams = 0
        self.left_in_transit = 0
        self.oldest_unread = math.inf
        self.ends: list[float] = []
        self.tokens: list[str | None] = []
        self.strikes = 0
        self.slow_calls = 0
        self.waited_seconds = 0.0
        self.taken = 0
        self.open_clients = 0
        self.draining = (0.0, 0.0)
        self.last_arrival = self.opened_at
        self.needs: dict[str, tuple[str, ...]] = {}
        self.was_frozen = False

    def name_of(self, delivery: Delivery) -> str:
        """Return what the run writes once: a delivery, by its handle if it has one."""
        return delivery.ack_info

    def later(self, callback: Callable[[], object]) -> None:
        """Call something in this process, as soon as it has a turn."""
        self._world.machine.call_soon(callback, context=self.context.copy())

    def use(self, token: str | None) -> None:
        """Record that a call carries a token."""
        if token not in self.tokens:
            self.tokens.append(token)
        elif token in self.rejected and token != self.tokens[-1]:
            self._world.violate(f"{self.name} uses a token again that the server has rejected")
        elif token in self.rejected_before:
            self._world.violate(f"{self.name} remembers a token that has failed an earlier run")

    @property
    def quiet_since(self) -> float:
        """Since when it may know of the silence: it was heard, or its open stream has been."""
        # A stream that was open all the time, or one that took over from another that was heard.
        return min(self.open_since, max(self.heard_since, self.unproven_at))

    def note_connecting(self, token: str | None) -> None:
        """Record that it opens a stream."""
        self.connections += 1
        reopened = self.connections - self._world.settings.parallel_streams
        if reopened > 0 and self._world.time < self.ends[reopened - 1] + _PAUSE_SECONDS:
            self._world.violate(f"{self.name} opens a stream again without a pause")
        self.open_connections += 1
        self.use(token)
        if self._world.time > self.read_until + 0.1 and not self.was_frozen:
            self._world.violate(f"{self.name} opens a stream after its window")

    def note_left(self, connection: Connection, waiting: int) -> None:
        """Record that it leaves a stream that is open, and how many events wait for its room."""
        self.left_streams += 1
        self.left_waiting += waiting
        self.left_in_transit += connection.in_transit
        self.oldest_unread = min(self.oldest_unread, connection.oldest_unread)
        if connection.is_proven:
            self.open_since = min(self.open_since, connection.opened_at)

    def note_taken(self, facts: Sequence[Fact]) -> None:
        """Record that it has taken event messages."""
        now = self._world.time
        self.taken += len(facts)
        self.ages += [(now, age, again) for age, again in facts if age is not None]

    def check_room(self) -> None:
        """Check that it holds no more unacked events than it may, twice what may be in flight."""
        world = self._world
        limit = 2 * world.settings.max_in_flight * world.settings.parallel_streams
        if self.taken - self.acks_confirmed > limit:
            failed = any(answer for answer, _ in self.last_answers.values())
            if not (failed or self.strikes or self.rejected or world.oddities(self.opened_at)):
                world.violate(f"{self.name} holds more unacked events than it may")

    def note_proven(self, opened_at: float) -> None:
        """Record that a stream has been heard for the first time."""
        self.proven_streams += 1
        self.proven_at = self._world.time
        if self.heard_since == math.inf:
            self.heard_since = opened_at
        self.unproven_at = min(self.unproven_at, opened_at)  # it was open before another ended

    def note_ack(self, delivery: Delivery, timeout_seconds: float) -> None:
        """Check that an ack is sent only for what both sinks have confirmed, and has its time."""
        world = self._world
        since = self.committing_since.get(delivery.ack_info)
        if not self.ack_tries[delivery.ack_info] and since is not None and not self.was_frozen:
            needed = min(ACK_SECONDS, (self.commit_until - since) / 4) - 0.1
            has_time = since + world.settings.ack_timeout.total_seconds() - world.time > needed
            if has_time and timeout_seconds < needed and not self.was_throttled:
                world.violate(f"{self.name} leaves no time for the ack {delivery.ack_info}")
        self.ack_tries[delivery.ack_info] += 1
        for sink in world.confirmed.values():
            if delivery.event_id not in sink:
                world.violate(f"{self.name} acks {delivery.ack_info}, which is not in both sinks")
        world.note(self.name, "acks %s", delivery.ack_info)


class World:
    """The world of one schedule.

    Args:
        schedule: What happens.
        is_traced: Whether to record a trace.

    Attributes:
        machine: The event loop.
        settings: The settings of the stack.
        chance: The source of chance of latencies and effects.
        violations: Descriptions of broken promises.
        struck: How often each fault has struck.
        struck_at: How often faults have struck calls of a point.
        leaks: Log lines and reports with personal data or a secret.
        trace: Lines for people: time, who, what; None if there is no trace.
        runs: All runs of the function.
        are_faults_over: Whether no fault may strike any more.
        confirmed: The ids of events that each sink has confirmed to a run.
    """

    def __init__(self, schedule: Schedule, *, is_traced: bool = False) -> None:
        self.schedule = schedule
        self.settings = schedule.settings
        self.machine = Machine()  # type: ignore[abstract] # it has what asyncio needs here
        self._context = copy_context()
        self.chance = random.Random(schedule.seed)  # noqa: S311 - no secrets
        self.violations: list[str] = []
        self.struck: Counter[str] = Counter()
        self.struck_at: Counter[Point] = Counter()
        self.leaks: list[str] = []
        self.trace: list[str] | None = [] if is_traced else None
        self.runs: list[Run] = []
        self.are_faults_over = False
        self.confirmed: dict[str, set[str]] = {"archive": set(), "queue": set()}
        self._faults = {
            point: [fault for fault in schedule.faults if point in fault.kind.points]
            for point in Point
        }

    def end_faults(self) -> None:
        """Let no fault strike any more."""
        self.are_faults_over = True
        self.note("checker", "the faults are over")

    @property
    def time(self) -> float:
        """Seconds since the start."""
        return self.machine.time()

    def oddities(self, since: float) -> set[str]:
        """Return the attributes of the event server that faults have changed, or a while before."""
        return {
            name
            for fault in self.schedule.faults
            for name in fault.kind.oddities
            if fault.at <= self.time and fault.until + _AFTERMATH_SECONDS > since
        }

    @property
    def latency(self) -> float:
        """How long a call takes without a fault."""
        return self.schedule.latency * (0.5 + self.chance.random())

    def later(self, seconds: float, callback: Callable[..., object], *args: object) -> None:
        """Call something outside of all processes after some seconds."""
        self.machine.call_later(seconds, callback, *args, context=self._context.copy())

    def violate(self, text: str) -> None:
        """Record that a promise is broken."""
        self.violations.append(text)
        self.note("checker", "VIOLATION: %s", text)

    def note(self, who: str, what: str, *args: object) -> None:
        """Add a line to the trace, if there is one."""
        if self.trace is not None:
            self.trace.append(f"{self.time:11.6f}  {who:<13} {what % args if args else what}")

    def strikes(self, point: Point) -> Injected | None:
        """Return the fault that strikes a call now, if one does."""
        for fault in self._faults[point]:
            is_active = fault.at <= self.time < fault.until and not self.are_faults_over
            if is_active and self.chance.random() < fault.probability:
                self.struck[fault.name] += 1
                self.struck_at[point] += 1
                self.note("fault", "%s", fault.name)
                process = PROCESS.get()
                if isinstance(process, Run):
                    process.strikes += 1
                    process.slow_calls += point in _OUTSIDE_THE_WINDOW
                    # The answer comes within a second.
                    if fault.kind.needs and self.time + 1 < process.read_until:
                        process.needs[fault.name] = fault.kind.needs
                return fault
        return None

    def may_strike(self, point: Point) -> bool:
        """Return whether any fault may strike calls of a point."""
        return bool(self._faults[point]) and not self.are_faults_over

    async def call(self, call: Call[T]) -> T:
        """Make one call of a service: it takes effect halfway, unless a fault strikes it."""
        fault = self.strikes(call.point)
        call.world, call.seconds = self, self.latency
        if fault is not None:
            assert fault.kind.effect is not None
            answer: T = await fault.kind.effect(call)
            return answer
        result = await call.arrives(call.seconds / 2)
        await call.under_way()
        return result

    async def call_within(self, seconds: float, call: Call[T]) -> T:
        """Make one call of a service that fails if it takes longer than some seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self.call(call)
        except TimeoutError:
            return call.failed(TIMED_OUT)

    def blocking_call(self, call: Call[T], *, timeout_seconds: float = 10.0) -> T:
        """Make one call of a service in a function that runs in a thread."""
        if self.machine.is_in_loop:
            self.violate("a blocking call on the event loop")
            return call.perform()
        if not self.may_strike(call.point):
            latency = self.latency
            self.machine.block(min(latency, timeout_seconds) / 2)
            result = call.perform()
            self.machine.block(min(latency, timeout_seconds) / 2)
            return result if latency < timeout_seconds else call.failed(TIMED_OUT)
        began, process = self.time, PROCESS.get()
        try:
            return self.machine.wait_for(self.call_within(timeout_seconds, call))
        finally:
            if isinstance(process, Run) and call.point in _OUTSIDE_THE_WINDOW:
                process.waited_seconds += self.time - began

    def wall_clock(self, process: Process) -> datetime:
        """Return the time as a process knows it, UTC."""
        return STARTED_AT + timedelta(seconds=self.time + process.skew_seconds)


def failure(kind: FailureKind, code: str = "MadeUp", hint: str = "") -> Failure:
    """Return a made-up failure."""
    return Failure(code, "made up", kind, hint=hint)


TIMED_OUT: Final = failure(FailureKind.RETRYABLE, "DEADLINE_EXCEEDED")
