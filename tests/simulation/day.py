"""A day of a plan, shortened: its quiet time and its peak, each for some intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drainctl.plan import bill
from drainctl.plan.bill import Usage, month
from tests.simulation.parcels import Phase
from tests.simulation.simulate import simulate

if TYPE_CHECKING:
    from drainctl.plan.choose import Plan
    from tests.simulation.simulate import Result

QUIET = "quiet"
BUSY = "busy"
AFTER = "after"


@dataclass(frozen=True, slots=True)
class Day:
    """A simulated day.

    Attributes:
        plan: What was simulated.
        result: How it went.
        quiet_intervals: How many intervals the quiet phase has.
        busy_intervals: Likewise the peak.
    """

    plan: Plan
    result: Result
    quiet_intervals: int
    busy_intervals: int

    def usage(self, phase: str) -> Usage:
        """Give what an interval of a phase used, on average; with no quiet time, the peak's."""
        if phase == QUIET and self.quiet_intervals:
            return self.result.books.usage[QUIET].times(1 / self.quiet_intervals)
        return self.result.books.usage[BUSY].times(1 / self.busy_intervals)

    def dollars(self) -> float:
        """Give what a month of such days costs."""
        plan = self.plan
        of_phases = [
            (self.usage(name).times(1 / plan.parameters.interval), phase.seconds)
            for name, phase in ((QUIET, plan.demand.quiet), (BUSY, plan.demand.busy))
        ]
        used = month(plan.demand, of_phases)
        return bill.total(bill.bill(plan.demand, used, plan.parameters.memory_mb))

    def fixed_dollars(self) -> float:
        """Give what of that doesn't depend on the runs: metrics, alarms, secrets."""
        demand = self.plan.demand
        tokens = bill.fixed(demand, 0.0, has_many_runs=False)
        return bill.total(tokens)


def simulate_day(
    plan: Plan, *, quiet: int, busy: int, parcel_size: int = 1, pullers: int | None = None
) -> Day:
    """Simulate a day of one stream.

    Before what is counted there is time for the runs to settle. Where windows overlap, there are as
    many runs after a window as there ever are, whatever comes meanwhile: so little does.

    Args:
        plan: What to simulate.
        quiet: Intervals of quiet time that are counted.
        busy: Intervals of the peak that are counted.
        parcel_size: Events in a parcel.
        pullers: In place of the plan's.
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
        (AFTER, before, max(3, overlapping)),
    )
    if pullers is not None:
        parameters = replace(parameters, pullers=pullers)
    result = simulate(
        parameters,
        demand.latencies,
        [Phase(name, rate, count * parameters.interval) for name, rate, count in rates if count],
        parcel_size=parcel_size,
    )
    return Day(plan, result, quiet, busy)
