"""The plan's parts: demand, throughput, pauses, and the parameters that it chooses."""

from __future__ import annotations

import random
from statistics import mean
from typing import Any

import pytest

from drainctl.plan import (
    DAY,
    EC2,
    FARGATE,
    PEAK_FACTOR,
    Demand,
    DemandError,
    Parameters,
    always_on,
    choose,
    throughput,
)
from drainctl.plan.flow import Flow
from drainctl.plan.measured import CPU_SECONDS_PER_EVENT, Latencies
from drainctl.plan.pauses import Pauses


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"events_per_day": 0}, "--events-per-day"),
        ({"events_per_day": -1}, "--events-per-day"),
        ({"events_per_day": float("nan")}, "--events-per-day"),
        ({"events_per_day": float("inf")}, "--events-per-day"),
        ({"events_per_day": DAY, "peak_per_second": 0.9}, "below the day's mean"),
        ({"events_per_day": 1, "peak_per_second": 0}, "--peak-per-second"),
        ({"events_per_day": 1, "peak_per_second": float("nan")}, "--peak-per-second"),
        ({"events_per_day": DAY, "peak_per_second": 100_001}, "supports at most 100,000"),
        ({"events_per_day": DAY * 25_000}, "5 times the mean, is"),
        ({"events_per_day": 1_000, "peak_per_second": 0.28}, "specify at most 0.278"),
        ({"events_per_day": 3_600, "max_lag": 0}, "lag"),
        ({"events_per_day": 1, "is_fifo": True, "events_per_message": 2}, "FIFO"),
    ],
)
def test_invalid_demand_is_rejected(values: dict[str, Any], expected: str) -> None:
    """Invalid demand is rejected, and named."""
    with pytest.raises(DemandError, match=expected):
        Demand(**values)


@pytest.mark.parametrize("peak", [None, 10.0, 12.0, 120.0, 240.0])
def test_a_day_has_its_events(peak: float | None) -> None:
    """Quiet time and peak make the day and its events, of all streams together."""
    demand = Demand(events_per_day=10 * DAY, peak_per_second=peak, streams=2)
    both = (demand.quiet, demand.busy)
    assert sum(phase.seconds for phase in both) == pytest.approx(DAY)
    events = sum(phase.seconds * phase.per_second for phase in both) * demand.streams
    assert events == pytest.approx(demand.events_per_day)
    assert demand.busy.per_second * 2 == pytest.approx(peak or 10 * PEAK_FACTOR)
    assert demand.quiet.per_second <= demand.busy.per_second * (1 + 1e-9)


_MEASURED_PER_SECOND = 1_726
"""docs/speed.md: with latencies, MaxInFlight 200, one stream, a core and more, in a run of about 20
seconds."""


def per_second(latencies: Latencies | None = None, **values: int) -> float:
    """Return the plan's events per second of one run."""
    parameters = Parameters(**({"interval_minutes": 5, "window": 240, "idle": 5} | values))
    return throughput.per_second(parameters, latencies or Latencies())


def test_it_is_what_was_measured() -> None:
    """With a whole core and the bench's latencies, a run is within a tenth of the bench's."""
    parameters = Parameters(interval_minutes=1, window=20, idle=1, memory_mb=1_769)
    flow = Flow(parameters=parameters, latencies=Latencies(), per_second=1.0, readers=1.0)
    assert flow.capacity == pytest.approx(_MEASURED_PER_SECOND, rel=0.1)


def test_the_processor_bounds_it() -> None:
    """Many streams bring it near what the processor can do, and never beyond."""
    most = 1 / CPU_SECONDS_PER_EVENT
    assert 0.95 * most < per_second(memory_mb=1_769, parallel_streams=8) <= most
    assert per_second(memory_mb=10_240, parallel_streams=8) <= most


def test_in_flight_and_latency_bound_it() -> None:
    """If computing takes no time, throughput is events in flight divided by latency."""
    slow = Latencies(s3=5.0, sqs=0.02, ack=1.0)
    assert per_second(slow, memory_mb=1_769) == pytest.approx(200 / 6.0, rel=0.01)
    assert per_second(slow, memory_mb=1_769, parallel_streams=4) == pytest.approx(800 / 6, rel=0.02)


def test_packing_saves_calls() -> None:
    """A tenth of the calls to SQS saves their CPU time, but never more than all of it."""
    one, ten, all_of_it = (throughput.cpu_per_event(n) for n in (1, 10, 100))
    assert one == CPU_SECONDS_PER_EVENT
    assert one - ten == pytest.approx(13.5e-6)
    assert one - all_of_it < 15e-6


def drawn(per_second: float, quiet: float, most: float) -> list[float]:
    """Draw the durations of runs that end at a pause."""
    chance = random.Random(1)  # noqa: S311 - a simulation, no secrets
    ends = []
    never = per_second * quiet > 50  # then every run lasts to its window's end: some show it
    for _ in range(100 if never else 4_000):
        now = 0.0
        while now < most:
            pause = chance.expovariate(per_second)
            if pause >= quiet:
                now += quiet
                break
            now += pause
        ends.append(min(now, most))
    return ends


@pytest.mark.parametrize("per_second", [0.001, 0.1, 0.5, 1, 2, 4, 30])
@pytest.mark.parametrize(("quiet", "most"), [(1.34, 20), (5.34, 240), (2, 1.5)])
def test_runs_last_as_long_as_drawn_ones(per_second: float, quiet: float, most: float) -> None:
    """The mean time until the first long pause, cut off at the window's end, is right."""
    expected = mean(drawn(per_second, quiet, most))
    assert Pauses(per_second, quiet, most).mean == pytest.approx(expected, rel=0.06)


def test_pauses_at_both_ends() -> None:
    """With very many events a run lasts to its window's end, with hardly any for the idle limit."""
    never, at_once = Pauses(100_000, 60, 840), Pauses(1e-6, 5, 240)
    assert (never.mean, never.soonest(1_000)) == (840, 840)
    assert (at_once.mean, at_once.soonest(300)) == pytest.approx((5, 5), abs=0.1)
    assert (never.may_never_come(1), at_once.may_never_come(300)) == (True, False)


@pytest.mark.parametrize("events_per_day", [10, 20_000, 3_000_000, 30_000_000])
def test_the_wanted_lag_and_the_peak_are_kept(events_per_day: float) -> None:
    """No lag is above the wanted one, and the runs keep up with the peak."""
    plan = choose(Demand(events_per_day=events_per_day, max_lag=200))
    assert plan.worst_lag <= 200
    assert plan.busy.keeps_up
    assert plan.busy.flow.capacity >= plan.demand.peak


def test_an_impossible_lag_is_refused() -> None:
    """An impossible lag is rejected, and the error has the minimum."""
    with pytest.raises(DemandError, match="the smallest possible lag is"):
        choose(Demand(events_per_day=100_000, max_lag=1))


def test_no_run_ends_by_its_limit() -> None:
    """The limit is above what a run can drain in its window."""
    plan = choose(Demand(events_per_day=1_000 * DAY))
    one = plan.busy.flow.capacity / plan.busy.flow.readers
    assert plan.parameters.max_events > one * plan.parameters.window


def test_the_memory_asked_for_is_taken() -> None:
    """A given memory size is used in the plan."""
    assert choose(Demand(events_per_day=1_000, memory_mb=300)).parameters.memory_mb == 300


def test_always_on_has_enough_processors() -> None:
    """A quarter of a core is enough for low rates; a peak needs more, at their price."""
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
