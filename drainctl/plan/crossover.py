"""From which rate on a process that never stops is cheaper than runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from drainctl.plan.always_on import always_on
from drainctl.plan.choose import choose
from drainctl.plan.demand import DAY, PEAK_FACTOR, Demand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.plan.always_on import Host

_FIRST: Final = 1_000.0
_LAST: Final = DAY * 100_000 / PEAK_FACTOR
_ALIKE: Final = 1.03
"""What differs by less is as dear: the reckoning is no more exact than that."""

_PER_DECADE: Final = 4
_STEPS: Final = 4


def daily_rates() -> Iterator[float]:
    """Give events a day, from a few to what the design can do, evenly on a logarithmic scale."""
    steps = math.floor(math.log10(_LAST / _FIRST) * _PER_DECADE)
    for step in range(steps + 1):
        yield _FIRST * 10 ** (step / _PER_DECADE)


def crossover(hosts: tuple[Host, ...], max_lag: float) -> float | None:
    """Find the lowest events a day from which on, at every higher rate, a host is cheaper.

    Returns:
        It, to within some percent; None if there is none.
    """
    low = high = None
    for rate in reversed(list(daily_rates())):
        if not is_dearer(rate, hosts, max_lag):
            low = rate
            break
        high = rate
    if low is None or high is None:
        return high
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        if is_dearer(middle, hosts, max_lag):
            high = middle
        else:
            low = middle
    return high


def is_dearer(rate: float, hosts: tuple[Host, ...], max_lag: float) -> bool:
    """Tell whether runs cost notably more than a host, at so many events a day."""
    demand = Demand(events_per_day=rate, max_lag=max_lag)
    return choose(demand).dollars > always_on(demand, hosts).dollars * _ALIKE
