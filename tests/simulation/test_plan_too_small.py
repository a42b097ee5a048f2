"""What the simulation shows when a plan is wrong; else it would show nothing when one holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drainctl.plan.choose import Plan, choose
from drainctl.plan.cycle import Cycle
from drainctl.plan.demand import DAY, Demand
from drainctl.plan.measured import Latencies
from drainctl.plan.parameters import Parameters
from tests.simulation.day import BUSY, simulate_day
from tests.simulation.server import Phase
from tests.simulation.simulate import simulate

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


def test_unread_events_come_again_when_another_run_ends() -> None:
    """An ack time-out that is the interval delays some events again and again; 45 s don't."""

    def worst(ack_timeout: int) -> float:
        parameters = Parameters(interval_minutes=1, window=20, idle=1, ack_timeout=ack_timeout)
        result = simulate(parameters, _LATENCIES, [Phase("day", 5.8, 4 * 3_600)])
        return result.counts.lag("day", 1.0)

    assert worst(60) > 2 * worst(45)
