"""Which parameters a plan chooses."""

from __future__ import annotations

from itertools import pairwise

import pytest

from drainctl.plan.always_on import EC2, FARGATE, always_on
from drainctl.plan.choose import choose
from drainctl.plan.demand import DAY, Demand, DemandError


def test_a_wider_lag_is_never_dearer() -> None:
    """Whoever can wait longer pays no more."""
    dollars = [
        choose(Demand(events_per_day=300_000, max_lag=lag)).dollars for lag in (15, 30, 65, 330)
    ]
    assert all(wider <= narrower * 1.01 for narrower, wider in pairwise(dollars))


@pytest.mark.parametrize("events_per_day", [10, 20_000, 3_000_000, 30_000_000])
def test_the_wanted_lag_and_the_peak_are_kept(events_per_day: float) -> None:
    """No lag is above the wanted one, and the runs keep up with the peak."""
    plan = choose(Demand(events_per_day=events_per_day, max_lag=200))
    assert plan.worst_lag <= 200
    assert plan.busy.keeps_up
    assert plan.busy.flow.capacity >= plan.demand.peak


def test_a_lag_below_a_minute_needs_windows_without_gaps() -> None:
    """The schedule knows minutes: a smaller lag is had only where somebody always reads."""
    plan = choose(Demand(events_per_day=100_000, max_lag=20))
    parameters = plan.parameters
    assert parameters.window >= parameters.interval
    assert parameters.idle >= 60 or plan.quiet.gap < 2


def test_an_impossible_lag_is_refused() -> None:
    """A lag that no parameters keep is refused, with the least that there is."""
    with pytest.raises(DemandError, match="the smallest is"):
        choose(Demand(events_per_day=100_000, max_lag=1))


def test_no_run_ends_by_its_limit() -> None:
    """The limit is above what a run can drain in its window: who ends by it asks for another."""
    plan = choose(Demand(events_per_day=1_000 * DAY))
    one = plan.busy.flow.capacity / plan.busy.flow.readers
    assert plan.parameters.max_events > one * plan.parameters.window


def test_the_memory_asked_for_is_taken() -> None:
    """Whoever gives the function's memory gets a plan for it."""
    assert choose(Demand(events_per_day=1_000, memory_mb=300)).parameters.memory_mb == 300


def test_always_on_has_enough_processors() -> None:
    """One quarter of a core will do for little, and a peak takes more of them, at their price."""
    little = always_on(Demand(events_per_day=1_000), FARGATE)
    assert little.count == 1
    assert little.host.cores == 0.25
    # 0.25 vCPU, 0.5 GB and an address, 720 hours.
    assert little.host.month == pytest.approx(
        720 * (0.25 * 0.03238 + 0.5 * 0.00356 + 0.005), rel=1e-6
    )
    much = always_on(Demand(events_per_day=1_000 * DAY), FARGATE)
    assert much.count * much.host.cores >= 5_000 * 132e-6
    burstable = always_on(Demand(events_per_day=700 * DAY, peak_per_second=700), EC2)
    assert burstable.host.mean_cores * burstable.count >= 700 * 132e-6
