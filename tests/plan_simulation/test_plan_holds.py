"""The plan against the simulation, from ten events a day to a hundred thousand a second.

The plan computes with averages, the simulation with every batch. Tolerances:

- Usage (runs, billed seconds, objects, calls): a fifth. The plan approximates when a run ends as
  idle, how full the last batch of a backlog is, and how batches wait for the processor.
- Dollars per month: a tenth, as the parts' errors don't add up.
- Median lag: a quarter, or a second. It changes fast when runs barely keep up.
- Worst lag: the plan's is an upper bound, which the simulation exceeds by at most a twentieth. The
  simulation reaches at least half of it, so the bound is useful.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import pytest

from drainctl.plan import bill
from drainctl.plan.bill import usage_of_interval
from drainctl.plan.choose import Plan, choose
from drainctl.plan.cycle import Cycle
from drainctl.plan.demand import DAY, Demand
from drainctl.plan.lag import median_lag, worst_lag
from drainctl.plan.measured import Latencies
from drainctl.plan.parameters import Parameters
from tests.plan_simulation.server import Phase
from tests.plan_simulation.simulate import World, simulate

pytestmark = pytest.mark.release

QUIET = "quiet"
BUSY = "busy"
_LATENCIES = Latencies()
_USAGE = 0.2
_DOLLARS = 0.1
_MEDIAN = 0.25
_S3_PUTS_PER_SECOND = 3_500  # for one prefix; a stream's objects of a day share one
_FIFO_CALLS_PER_SECOND = 70_000  # of SendMessage, with high throughput in us-east-1


@dataclass(frozen=True, slots=True)
class Day:
    """A simulated day of a plan, with intervals of quiet time and of the peak."""

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
        """Return a month's costs that don't depend on runs: metrics, alarms, secrets."""
        return bill.total(bill.fixed(self.plan.demand, 0.0, has_many_runs=False))


def simulate_day(plan: Plan, *, quiet: int, busy: int, parcel_size: int = 1) -> Day:
    """Simulate a day of one stream.

    Before the intervals that count, the simulation runs until the number of runs is constant. With
    overlapping windows that takes one window, during which few events arrive.

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


class Case(NamedTuple):
    """A rate to simulate.

    Attributes:
        demand: The plan's demand.
        quiet: Intervals of quiet time that count.
        busy: Intervals of the peak that count.
        parcel_size: Events in a parcel.
    """

    demand: Demand
    quiet: int
    busy: int
    parcel_size: int


CASES = {
    "10 a day": Case(Demand(events_per_day=10), 9_000, 1_500, 1),
    "1,000 a day": Case(Demand(events_per_day=1_000), 1_500, 300, 1),
    "100,000 a day": Case(Demand(events_per_day=100_000), 96, 24, 1),
    "100,000 a day, within 65 s": Case(Demand(events_per_day=100_000, max_lag=65), 200, 40, 1),
    "100,000 a day, within 20 s": Case(Demand(events_per_day=100_000, max_lag=20), 90, 20, 1),
    "1 million a day": Case(Demand(events_per_day=1_000_000), 40, 12, 1),
    "1 million a day, within 65 s": Case(Demand(events_per_day=1_000_000, max_lag=65), 100, 20, 1),
    "10 million a day": Case(Demand(events_per_day=10_000_000), 6, 14, 10),
    "11 million a day, packed": Case(
        Demand(events_per_day=11_000_000, events_per_message=10), 6, 14, 10
    ),
    "1,000 a second": Case(Demand(events_per_day=1_000 * DAY), 3, 5, 100),
    "10,000 a second": Case(Demand(events_per_day=10_000 * DAY, peak_per_second=20_000), 4, 4, 100),
    "100,000 a second": Case(
        Demand(events_per_day=100_000 * DAY, peak_per_second=100_000), 0, 1, 100
    ),
}


@cache
def day_of(name: str) -> Day:
    """Simulate a case, once."""
    case = CASES[name]
    return simulate_day(
        choose(case.demand), quiet=case.quiet, busy=case.busy, parcel_size=case.parcel_size
    )


@pytest.fixture(params=CASES, scope="module")
def day(request: pytest.FixtureRequest) -> Day:
    """Each case's day."""
    return day_of(request.param)


def phases(day: Day) -> list[str]:
    """Return the phases that count."""
    return [QUIET, BUSY] if day.quiet_intervals else [BUSY]


def test_usage_is_as_planned(day: Day) -> None:
    """Runs, seconds, objects and calls are as planned, in quiet time and at the peak."""
    for phase in phases(day):
        planned = usage_of_interval(day.plan.quiet if phase == QUIET else day.plan.busy)
        used = day.usage(phase)
        for name in ("runs", "run_seconds", "objects", "sqs_requests"):
            expected = pytest.approx(getattr(planned, name), rel=_USAGE)
            assert getattr(used, name) == expected, (phase, name)


def test_dollars_are_as_planned(day: Day) -> None:
    """The cost of the simulated usage, plus the fixed cost, is as planned."""
    fixed = day.fixed_dollars()
    assert day.dollars() - fixed == pytest.approx(day.plan.dollars - fixed, rel=_DOLLARS)


def test_lags_are_as_planned(day: Day) -> None:
    """The median lag and the worst lag are as planned."""
    counts = day.world.counts
    for phase in phases(day):
        cycle = day.plan.quiet if phase == QUIET else day.plan.busy
        assert counts.lag(phase, 0.5) == pytest.approx(median_lag(cycle), rel=_MEDIAN, abs=1.0), (
            phase
        )
        bound = worst_lag(cycle)
        assert counts.lag(phase, 1.0) <= bound * 1.05, phase
    worst = max(counts.lag(phase, 1.0) for phase in phases(day))
    assert worst >= day.plan.worst_lag * 0.5
    assert worst <= day.plan.demand.max_lag


def test_nothing_is_lost_and_the_backlog_goes(day: Day) -> None:
    """Every event is archived once, none expires, and the backlog of the peak is drained."""
    counts, queue = day.world.counts, day.world.queue
    assert queue.expired == 0
    assert all(counts.archived[phase] == counts.came[phase] for phase in phases(day))
    _, waiting = counts.backlog[-1]
    # When the schedule fires, the events since the last run wait: at most those of an interval.
    expected = day.plan.demand.quiet.per_second * day.plan.parameters.interval
    assert waiting <= expected + 5 * expected**0.5 + 5


def test_quotas_are_kept(day: Day) -> None:
    """No start is throttled, and PUTs per prefix and concurrent runs are within their limits."""
    quotas = day.world.quotas
    assert quotas.throttled == 0
    assert quotas.most_running <= day.plan.parameters.most_runs_at_once
    assert quotas.puts.most < _S3_PUTS_PER_SECOND
    assert quotas.sqs_calls.most < _FIFO_CALLS_PER_SECOND


def test_too_few_runs_fall_behind() -> None:
    """With fewer concurrent runs than the peak needs, the backlog grows from start to start."""
    plan = choose(Demand(events_per_day=2_500 * DAY, peak_per_second=5_000))
    assert plan.parameters.concurrent_runs >= 2
    backlog = _at_the_peak(plan, plan.parameters)
    assert max(backlog) < 5_000 * plan.parameters.interval * 1.5
    few = replace(
        plan.parameters,
        concurrent_runs=1,
        parallel_streams=plan.parameters.parallel_streams // 4,
        backlog_runs=1,
    )
    assert not Cycle.at(5_000, few, _LATENCIES).keeps_up
    backlog = _at_the_peak(plan, few)
    assert backlog == sorted(backlog)
    assert backlog[-1] > 2 * backlog[2]


def _at_the_peak(plan: Plan, parameters: Parameters) -> list[int]:
    phases = [Phase("peak", plan.demand.peak, parameters.interval * 9)]
    result = simulate(parameters, _LATENCIES, phases, parcel_size=100)
    return [waiting for _, waiting in result.counts.backlog]


def test_without_backlog_runs_a_peak_isnt_worked_off() -> None:
    """Without backlog runs, which the plan counts on, the backlog of the peak grows."""
    plan = choose(Demand(events_per_day=10_000_000))
    assert max(turn.links for turn in plan.busy.turns) > 1
    alone = replace(plan, parameters=replace(plan.parameters, backlog_runs=0))
    as_planned = simulate_day(plan, quiet=1, busy=10, parcel_size=20)
    too_few = simulate_day(alone, quiet=1, busy=10, parcel_size=20)
    planned = as_planned.world.counts.lag(BUSY, 0.5)
    assert too_few.world.counts.lag(BUSY, 0.5) > 2 * planned


def test_events_expire_at_the_server_if_nobody_keeps_up() -> None:
    """If the backlog is older than half an hour, the simulation shows that events are lost."""
    parameters = Parameters(interval_minutes=5, window=20, idle=1, backlog_runs=0)
    result = simulate(parameters, _LATENCIES, [Phase("all day", 400, 3 * 3_600)], parcel_size=100)
    assert result.queue.expired > 0


def test_unread_events_come_again_when_another_run_ends() -> None:
    """An ack time-out as long as the interval delays some events repeatedly; 45 s doesn't."""

    def worst(ack_timeout: int) -> float:
        parameters = Parameters(interval_minutes=1, window=20, idle=1, ack_timeout=ack_timeout)
        result = simulate(parameters, _LATENCIES, [Phase("day", 5.8, 4 * 3_600)])
        return result.counts.lag("day", 1.0)

    assert worst(60) > 2 * worst(45)
