"""The whole simulation: events arrive, the schedule fires, runs drain and start the next ones."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import simpy

from drainctl.plan.bill import Usage
from drainctl.plan.flow import HANDOVER_SECONDS
from eventdrain.drain import Start
from tests.simulation.run import Run
from tests.simulation.server import EventQueue, Phase, parcels
from tests.simulation.world import Counts, Quotas, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.plan import Parameters
    from drainctl.plan.measured import Latencies


def simulate(
    parameters: Parameters,
    latencies: Latencies,
    phases: Sequence[Phase],
    *,
    parcel_size: int = 1,
) -> World:
    """Simulate one stream of a stack.

    Args:
        parameters: The template's.
        latencies: The services'.
        phases: How many events arrive when, and until when the schedule fires.
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
