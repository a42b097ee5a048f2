"""What can be asked of a plan, and what can't."""

from __future__ import annotations

from typing import Any

import pytest

from drainctl.plan.demand import DAY, PEAK_FACTOR, Demand, DemandError


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"events_per_day": 0}, "--events-per-day"),
        ({"events_per_day": -1}, "--events-per-day"),
        ({"events_per_day": float("nan")}, "--events-per-day"),
        ({"events_per_day": float("inf")}, "--events-per-day"),
        ({"events_per_day": DAY, "peak_per_second": 0.9}, "below the day's mean"),
        ({"events_per_day": 1, "peak_per_second": 0}, "--peak-per-second"),
        ({"events_per_day": 1, "peak_per_second": float("nan")}, "--peak-per-second"),
        ({"events_per_day": DAY, "peak_per_second": 100_001}, "the design ends at 100,000"),
        ({"events_per_day": DAY * 25_000}, "5 times the mean, is"),
        ({"events_per_day": 1_000, "peak_per_second": 0.28}, "give at most 0.278"),
        ({"events_per_day": 3_600, "max_lag": 0}, "lag"),
        ({"events_per_day": 1, "is_fifo": True, "events_per_message": 2}, "FIFO"),
    ],
)
def test_nonsense_is_refused(values: dict[str, Any], told: str) -> None:
    """What can't be is refused, and named."""
    with pytest.raises(DemandError, match=told):
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
