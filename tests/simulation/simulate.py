"""The whole of it: events come, the schedule fires, runs drain, and ask for the next ones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import simpy

from drainctl.plan.bill import Usage
from drainctl.plan.flow import HANDOVER_SECONDS
from eventdrain.drain import Start
from tests.simulation.books import Reconciliation
from tests.simulation.event_queue import EventQueue
from tests.simulation.parcels import parcels
from tests.simulation.run import Run
from tests.simulation.services import Quotas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.plan.measured import Latencies
    from drainctl.plan.parameters import Parameters
    from tests.simulation.parcels import Phase


@dataclass(frozen=True, slots=True)
class Result:
    """How it went.

    Attributes:
        books: What was counted.
        queue: The server's queue at the end.
        quotas: What the services were asked for at the most.
    """

    books: Reconciliation
    queue: EventQueue
    quotas: Quotas


class Stack:
    """One stream of the stack.

    Args:
        parameters: The template's.
        latencies: Of the services.
        phases: When how many events come, and until when the schedule fires.
        parcel_size: Events in a parcel.
        seed: Equal seeds give equal results.
    """

    def __init__(
        self,
        parameters: Parameters,
        latencies: Latencies,
        phases: Sequence[Phase],
        *,
        parcel_size: int,
        seed: int,
    ) -> None:
        self._parameters = parameters
        self._latencies = latencies
        self._phases = phases
        self._size = parcel_size
        self._chance = random.Random(seed)  # noqa: S311 - a simulation, no secrets
        self._env = simpy.Environment()
        self._queue = EventQueue(self._env, parameters.ack_timeout)
        self._quotas = Quotas(self._env)
        self._books = Reconciliation()

    def simulate(self) -> Result:
        """Let the time of all phases pass."""
        self._env.process(self._come())
        self._env.process(self._schedule())
        self._env.run(until=sum(phase.seconds for phase in self._phases))
        return Result(self._books, self._queue, self._quotas)

    def _come(self) -> simpy.events.ProcessGenerator:
        for parcel in parcels(self._phases, self._size, self._chance):
            yield self._env.timeout(parcel.came_at - self._env.now)
            self._books.came[parcel.phase] += self._size
            self._queue.publish(parcel)

    def _schedule(self) -> simpy.events.ProcessGenerator:
        interval = self._parameters.interval
        for phase in self._phases:
            self._books.phase = phase.name
            for _ in range(round(phase.seconds / interval)):
                self._books.backlog.append((self._env.now, self._books.not_archived))
                self._books.add(phase.name, Usage(ticks=1))
                self._env.process(self._run(phase.name, Start()))
                yield self._env.timeout(interval)

    def _run(self, phase: str, start: Start) -> simpy.events.ProcessGenerator:
        """Run, and start the runs that the engine asks for: the concurrent and the next one."""
        is_warm = self._quotas.start()
        if is_warm is None:
            return
        for other in start.others(self._parameters.pullers):
            self._env.process(self._later(phase, other))
        run = Run(
            self._env,
            parameters=self._parameters,
            latencies=self._latencies,
            parcel_size=self._size,
            queue=self._queue,
            quotas=self._quotas,
            books=self._books,
            phase=phase,
        )
        report = yield self._env.process(run.drain(is_warm=is_warm))
        self._quotas.end()
        for follower in start.next(report, backlog_runs=self._parameters.backlog_runs):
            self._env.process(self._later(phase, follower))

    def _later(self, phase: str, start: Start) -> simpy.events.ProcessGenerator:
        yield self._env.timeout(HANDOVER_SECONDS)
        yield self._env.process(self._run(phase, start))


def simulate(
    parameters: Parameters,
    latencies: Latencies,
    phases: Sequence[Phase],
    *,
    parcel_size: int = 1,
    seed: int = 1,
) -> Result:
    """Simulate one stream; see :class:`Stack`."""
    return Stack(parameters, latencies, phases, parcel_size=parcel_size, seed=seed).simulate()
