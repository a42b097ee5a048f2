"""What the simulation shows when a plan is wrong; else it would show nothing when one holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drainctl.plan import throughput
from drainctl.plan.choose import Plan, choose
from drainctl.plan.cycle import Cycle
from drainctl.plan.demand import DAY, Demand
from drainctl.plan.measured import Latencies
from drainctl.plan.parameters import Parameters
from tests.simulation.day import BUSY, QUIET, simulate_day
from tests.simulation.server import Phase
from tests.simulation.simulate import simulate

if TYPE_CHECKING:
    from tests.simulation.world import World

pytestmark = pytest.mark.release

_LATENCIES = Latencies()


def test_too_few_runs_fall_behind() -> None:
    """With fewer concurrent runs than the peak needs, the backlog grows from start to start."""
    plan = choose(Demand(events_per_day=2_500 * DAY, peak_per_second=5_000))
    assert plan.parameters.concurrent_runs >= 2
    backlog = _at_the_peak(plan, plan.parameters)
    assert max(backlog) < 5_000 * plan.parameters.interval * 1.2
    few = replace(
        plan.parameters, concurrent_runs=1, parallel_streams=plan.parameters.parallel_streams // 4
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
    """What one run of a start leaves behind grows, where the plan counts on runs that follow it."""
    plan = choose(Demand(events_per_day=10_000_000))
    assert max(turn.links for turn in plan.busy.turns) > 1
    alone = replace(plan, parameters=replace(plan.parameters, backlog_runs=0))
    as_planned = simulate_day(plan, quiet=1, busy=10, parcel_size=20)
    too_few = simulate_day(alone, quiet=1, busy=10, parcel_size=20)
    planned = as_planned.world.counts.lag(BUSY, 0.5)
    assert too_few.world.counts.lag(BUSY, 0.5) > 2 * planned


def test_events_expire_at_the_server_if_nobody_keeps_up() -> None:
    """Where the backlog is older than the server's half an hour, events are lost: it is seen."""
    parameters = Parameters(interval_minutes=5, window=20, idle=1, backlog_runs=0)
    result = simulate(parameters, _LATENCIES, [Phase("all day", 400, 3 * 3_600)], parcel_size=100)
    assert result.queue.expired > 0


def test_chains_are_as_short_as_their_brake() -> None:
    """However far behind they are, no more runs are concurrent than the chains allow."""
    parameters = Parameters(
        interval_minutes=1, window=60, idle=1, concurrent_runs=2, backlog_runs=4, parallel_streams=1
    )
    slow = Latencies(ack=1.0)
    result = simulate(parameters, slow, [Phase("flood", 4_000, 900)], parcel_size=100)
    assert result.quotas.most_running == 2 * 6  # a chain of 5 runs of 61 s lives into a 6th minute
    assert result.quotas.most_running <= parameters.most_runs_at_once


def test_unread_events_come_again_when_another_run_ends() -> None:
    """An ack time-out that is the interval delays some events again and again; 45 s don't."""

    def worst(ack_timeout: int) -> float:
        parameters = Parameters(interval_minutes=1, window=20, idle=1, ack_timeout=ack_timeout)
        result = simulate(parameters, _LATENCIES, [Phase("day", 5.8, 4 * 3_600)])
        return result.counts.lag("day", 1.0)

    assert worst(60) > 2 * worst(45)


@pytest.mark.parametrize("memory_mb", [512, 1769])
@pytest.mark.parametrize("parallel_streams", [1, 2, 8])
def test_a_run_drains_as_fast_as_planned(memory_mb: int, parallel_streams: int) -> None:
    """Events per second of one run with a backlog are the plan's, whichever limit is nearer."""
    parameters = Parameters(
        interval_minutes=1,
        window=60,
        idle=1,
        memory_mb=memory_mb,
        parallel_streams=parallel_streams,
        backlog_runs=0,
        max_events=10_000_000,
    )
    result = simulate(parameters, _LATENCIES, [Phase("flood", 12_000, 60)], parcel_size=100)
    seconds = 60 - throughput.setup_seconds(parameters) - throughput.cold_seconds(parameters)
    drained = result.counts.archived["flood"] / seconds
    assert drained == pytest.approx(throughput.per_second(parameters, _LATENCIES), rel=0.15)


def test_parcels_change_nothing() -> None:
    """Looking at ten events as one gives the same lags and usage as looking at each."""
    parameters = Parameters(interval_minutes=1, window=20, idle=1, parallel_streams=2)

    def day(parcel_size: int) -> World:
        return simulate(
            parameters, _LATENCIES, [Phase(QUIET, 500, 300)], parcel_size=parcel_size, seed=7
        )

    each, ten = day(1), day(10)
    assert ten.counts.lag(QUIET, 0.5) == pytest.approx(each.counts.lag(QUIET, 0.5), rel=0.05)
    used, used_ten = each.counts.usage[QUIET], ten.counts.usage[QUIET]
    assert used_ten.run_seconds == pytest.approx(used.run_seconds, rel=0.05)
    assert used_ten.objects == pytest.approx(used.objects, rel=0.05)


def test_equal_seeds_give_equal_days() -> None:
    """The simulation depends on nothing but what it is given."""
    parameters = Parameters(interval_minutes=1, window=20, idle=1)
    days = [simulate(parameters, _LATENCIES, [Phase("day", 3, 1_800)], seed=3) for _ in range(2)]
    assert days[0].counts.lags == days[1].counts.lags
    other = simulate(parameters, _LATENCIES, [Phase("day", 3, 1_800)], seed=4)
    assert other.counts.lags != days[0].counts.lags
