"""The plan against the simulation, from ten events a day to a hundred thousand a second.

The plan reckons with averages, the simulation plays every batch. How far they may be apart:

- What is used (runs, billed seconds, objects, calls) within a fifth. The plan approximates: when a
  run ends as idle, how full the last batch of a backlog is, how batches wait for the processor.
- The month's dollars within a tenth: the parts' errors don't add up.
- The median lag within a quarter, or a second: it moves fast where a run just about catches up.
- The worst lag is a bound. The simulation may reach it, and no more than a twentieth beyond; and it
  comes as near as half of it, or the bound would be worth nothing.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest

from drainctl.plan.bill import usage_of_interval
from drainctl.plan.choose import choose
from drainctl.plan.demand import DAY, Demand
from drainctl.plan.lag import median_lag, worst_lag
from tests.simulation.day import BUSY, QUIET, Day, simulate_day

pytestmark = pytest.mark.release

_USAGE = 0.2
_DOLLARS = 0.1
_MEDIAN = 0.25
_S3_PUTS_PER_SECOND = 3_500  # for one prefix; a stream's objects of a day share one
_FIFO_CALLS_PER_SECOND = 70_000  # of SendMessage, with high throughput in us-east-1


class Case(NamedTuple):
    """A rate to simulate.

    Attributes:
        demand: What is asked of the plan.
        quiet: Intervals of quiet time that are counted.
        busy: Intervals of the peak.
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
    "10 million a day": Case(Demand(events_per_day=10_000_000), 6, 14, 10),
    "10 million a day, packed": Case(
        Demand(events_per_day=10_000_000, events_per_message=10), 6, 14, 10
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
    """Name the phases that were counted."""
    return [QUIET, BUSY] if day.quiet_intervals else [BUSY]


def test_usage_is_as_planned(day: Day) -> None:
    """Runs, their seconds, objects and calls are what the plan says, at rest and at the peak."""
    for phase in phases(day):
        planned = usage_of_interval(day.plan.quiet if phase == QUIET else day.plan.busy)
        used = day.usage(phase)
        for name in ("runs", "run_seconds", "objects", "sqs_requests"):
            expected = pytest.approx(getattr(planned, name), rel=_USAGE)
            assert getattr(used, name) == expected, (phase, name)


def test_dollars_are_as_planned(day: Day) -> None:
    """The bill for what the simulated runs used is the plan's, beside what is fixed."""
    fixed = day.fixed_dollars()
    assert day.dollars() - fixed == pytest.approx(day.plan.dollars - fixed, rel=_DOLLARS)


def test_lags_are_as_planned(day: Day) -> None:
    """Half of the events are in the archive as soon as planned, and all of them."""
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
    """Every event is archived once, none expires, and after the peak no more waits than before."""
    counts, queue = day.world.counts, day.world.queue
    assert queue.expired == 0
    assert all(counts.archived[phase] == counts.came[phase] for phase in phases(day))
    _, waiting = counts.backlog[-1]
    # When the schedule fires, what came in the gap waits: no more than came in an interval.
    expected = day.plan.demand.quiet.per_second * day.plan.parameters.interval
    assert waiting <= expected + 5 * expected**0.5 + 5


def test_quotas_are_kept(day: Day) -> None:
    """No start is throttled, S3 takes all PUTs to a prefix, runs at once are within their bound."""
    quotas = day.world.quotas
    assert quotas.throttled == 0
    assert quotas.most_running <= day.plan.parameters.most_runs_at_once
    assert quotas.puts.most < _S3_PUTS_PER_SECOND
    assert quotas.sqs_calls.most < _FIFO_CALLS_PER_SECOND
