"""A day of a plan, shortened: its quiet time and its peak, each for some intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drainctl.plan import bill
from tests.simulation.server import Phase
from tests.simulation.simulate import simulate

if TYPE_CHECKING:
    from drainctl.plan import Plan
    from tests.simulation.world import World

QUIET = "quiet"
BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Day:
    """A simulated day of a plan, with so many intervals of quiet time and of the peak."""

    plan: Plan
    world: World
    quiet_intervals: int
    busy_intervals: int

    def usage(self, phase: str) -> bill.Usage:
        """Return the mean usage of an interval of a phase; without quiet time, the peak's."""
        if phase == QUIET and self.quiet_intervals:
            return self.world.counts.usage[QUIET].times(1 / self.quiet_intervals)
        return self.world.counts.usage[BUSY].times(1 / self.busy_intervals)

    def dollars(self) -> float:
        """Return what a month of such days costs."""
        plan = self.plan
        of_phases = [
            (self.usage(name).times(1 / plan.parameters.interval), phase.seconds)
            for name, phase in ((QUIET, plan.demand.quiet), (BUSY, plan.demand.busy))
        ]
        used = bill.month(plan.demand, of_phases)
        return bill.total(bill.bill(plan.demand, used, plan.parameters.memory_mb))

    def fixed_dollars(self) -> float:
        """Return the part of that which does not depend on the runs: metrics, alarms, secrets."""
        return bill.total(bill.fixed(self.plan.demand, 0.0, has_many_runs=False))


def simulate_day(plan: Plan, *, quiet: int, busy: int, parcel_size: int = 1) -> Day:
    """Simulate a day of one stream.

    Before the intervals that count the runs have time to settle. With overlapping windows there are
    as many runs after a window as there ever are, whatever arrives meanwhile: so little does.

    Args:
        plan: What to simulate.
        quiet: Intervals of quiet time that count.
        busy: Intervals of the peak that count.
        parcel_size: Events in a parcel.
    """
    demand, parameters = plan.demand, plan.parameters
    overlapping = parameters.window // (parameters.interval_minutes * 60)
    settling, before, rising = 2, demand.quiet.per_second, 2
    if overlapping > 1:
        settling, before, rising = overlapping, demand.quiet.per_second / 6, 1
    rates = (
        ("before", before, settling),
        (QUIET, demand.quiet.per_second, quiet),
        ("rising", demand.busy.per_second, rising),
        (BUSY, demand.busy.per_second, busy),
        ("after", before, max(3, overlapping)),
    )
    phases = [
        Phase(name, rate, count * parameters.interval) for name, rate, count in rates if count
    ]
    world = simulate(parameters, demand.latencies, phases, parcel_size=parcel_size)
    return Day(plan, world, quiet, busy)
