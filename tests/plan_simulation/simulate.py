"""The whole simulation: events arrive, the schedule fires, runs drain and start the next ones."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import simpy

from drainctl.plan import rules
from drainctl.plan.bill import Usage
from drainctl.plan.flow import HANDOVER_SECONDS
from eventdrain.drain import Start
from tests.plan_simulation.run import Run
from tests.plan_simulation.server import EventQueue, Phase, parcels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.plan import Parameters
    from drainctl.plan.measured import Latencies

_KEPT_WARM_SECONDS: Final = 600.0
"""How long an unused environment stays: an assumption, as Lambda doesn't document it."""


@dataclass(slots=True)
class Counts:
    """Counts of events and usage, by phase.

    Attributes:
        came: Events that happened.
        archived: Events in the archive, by the phase in which they happened.
        phase: The current phase.
        usage: Runs by the phase in which they started, writes by the phase in which they happened.
        lags: Seconds from an event to the archive, of each parcel.
        backlog: When the schedule fired, and how many events were not in the archive then.
    """

    came: Counter[str] = field(default_factory=Counter)
    archived: Counter[str] = field(default_factory=Counter)
    phase: str = ""
    usage: defaultdict[str, Usage] = field(default_factory=lambda: defaultdict(Usage))
    lags: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    backlog: list[tuple[float, int]] = field(default_factory=list)

    @property
    def not_archived(self) -> int:
        """Events that happened and are not in the archive."""
        return self.came.total() - self.archived.total()

    def lag(self, phase: str, part: float) -> float:
        """Return the lag that this part of a phase's events did not exceed."""
        lags = sorted(self.lags[phase])
        return lags[min(len(lags) - 1, int(part * len(lags)))]


@dataclass(slots=True)
class MostPerSecond:
    """The most calls within a second."""

    most: int = 0
    _calls: deque[tuple[float, int]] = field(default_factory=deque)
    _total: int = 0

    def add(self, now: float, calls: int) -> None:
        """Add calls."""
        self._calls.append((now, calls))
        self._total += calls
        while self._calls[0][0] < now - 1:
            self._total -= self._calls.popleft()[1]
        self.most = max(self.most, self._total)


@dataclass(slots=True)
class Quotas:
    """Concurrent usage of AWS.

    Attributes:
        env: The simulation.
        running: Current runs.
        most_running: The most concurrent runs.
        throttled: Starts that Lambda rejected.
        puts: PutObject calls, all to one prefix.
        sqs_calls: SendMessageBatch calls.
    """

    env: simpy.Environment
    running: int = 0
    most_running: int = 0
    throttled: int = 0
    puts: MostPerSecond = field(default_factory=MostPerSecond)
    sqs_calls: MostPerSecond = field(default_factory=MostPerSecond)
    _warm: list[float] = field(default_factory=list)

    def start(self) -> bool | None:
        """Start a run and return whether its environment is warm; None if it can't start."""
        if self.running >= rules.LAMBDA_CONCURRENCY:
            self.throttled += 1
            return None
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self._warm = [at for at in self._warm if self.env.now - at <= _KEPT_WARM_SECONDS]
        if not self._warm:
            return False
        self._warm.pop()
        return True

    def end(self) -> None:
        """End a run: its environment stays for the next."""
        self.running -= 1
        self._warm.append(self.env.now)


@dataclass(frozen=True, slots=True)
class World:
    """One stream of a stack, while it is simulated and after it.

    Attributes:
        env: The simulation.
        parameters: The stack's.
        latencies: The services'.
        size: Events in a parcel.
        queue: The event server's.
        quotas: What is used of AWS at once.
        counts: What happens.
    """

    env: simpy.Environment
    parameters: Parameters
    latencies: Latencies
    size: int
    queue: EventQueue
    quotas: Quotas
    counts: Counts


def simulate(
    parameters: Parameters,
    latencies: Latencies,
    phases: Sequence[Phase],
    *,
    parcel_size: int = 1,
) -> World:
    """Simulate one stream of a stack.

    Args:
        parameters: The template's parameters.
        latencies: The services' latencies.
        phases: The rates of events; the schedule fires during these.
        parcel_size: Events in a parcel.
    """
    env = simpy.Environment()
    queue = EventQueue(env, parameters.ack_timeout)
    world = World(env, parameters, latencies, parcel_size, queue, Quotas(env), Counts())
    chance = random.Random(1)  # noqa: S311 - a simulation, no secrets
    env.process(_arrive(world, phases, chance))
    env.process(_schedule(world, phases))
    env.run(until=sum(phase.seconds for phase in phases))
    return world


def _arrive(
    world: World, phases: Sequence[Phase], chance: random.Random
) -> simpy.events.ProcessGenerator:
    for parcel in parcels(phases, world.size, chance):
        yield world.env.timeout(parcel.came_at - world.env.now)
        world.counts.came[parcel.phase] += world.size
        world.queue.publish(parcel)


def _schedule(world: World, phases: Sequence[Phase]) -> simpy.events.ProcessGenerator:
    interval = world.parameters.interval
    for phase in phases:
        world.counts.phase = phase.name
        for _ in range(round(phase.seconds / interval)):
            world.counts.backlog.append((world.env.now, world.counts.not_archived))
            world.counts.usage[phase.name] += Usage(ticks=1)
            world.env.process(_run(world, phase.name, Start()))
            yield world.env.timeout(interval)


def _run(world: World, phase: str, start: Start) -> simpy.events.ProcessGenerator:
    """Run, and start the runs that the engine asks for: the concurrent and the next one."""
    is_warm = world.quotas.start()
    if is_warm is None:
        return
    for other in start.others(world.parameters.concurrent_runs):
        world.env.process(_run_later(world, phase, other))
    report = yield world.env.process(Run(world, phase).drain(is_warm=is_warm))
    world.quotas.end()
    for follower in start.next(report, backlog_runs=world.parameters.backlog_runs):
        world.env.process(_run_later(world, phase, follower))


def _run_later(world: World, phase: str, start: Start) -> simpy.events.ProcessGenerator:
    yield world.env.timeout(HANDOVER_SECONDS)
    yield world.env.process(_run(world, phase, start))
