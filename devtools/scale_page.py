"""Writes the computed parts of docs/scale.md: ``python -m devtools.scale_page``.

Each part stands between two comments with its name. A test compares them with ``drainctl.plan``.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devtools.scale_chart import daily_rates, draw
from drainctl.plan import (
    DAY,
    EC2,
    FARGATE,
    Demand,
    Plan,
    always_on,
    choose,
    median_lag,
    prices,
    worst_lag,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from drainctl.plan import Host

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "scale.md"
CHART: Final = DOCUMENT.with_name("scale-cost.png")
RATES: Final = (
    Demand(events_per_day=10),
    Demand(events_per_day=1_000),
    Demand(events_per_day=100_000),
    Demand(events_per_day=1_000_000),
    Demand(events_per_day=10_000_000),
    Demand(events_per_day=1_000 * DAY),
    Demand(events_per_day=10_000 * DAY),
    Demand(events_per_day=100_000 * DAY, peak_per_second=100_000),
)
LAGS: Final = tuple(Demand(events_per_day=100_000, max_lag=lag) for lag in (330, 125, 65, 20))

_HEAD: Final = (
    "Events",
    "At the peak",
    "Schedule",
    "Window",
    "Streams x runs",
    "Memory",
    "Lag: median, worst",
    "Objects a day",
    "$ a month",
    "Fargate",
    "EC2",
)


_ALIKE: Final = 1.03
"""Costs that differ by less count as equal, as the formulas are not more exact."""
_STEPS: Final = 4


def main() -> None:
    """Write all parts, and the chart."""
    text = DOCUMENT.read_text()
    for name, table in TABLES.items():
        text = _with_part(text, name, table())
    DOCUMENT.write_text(_with_part(text, "crossover", _crossovers()))
    draw(CHART)


def part(text: str, name: str) -> str:
    """Return a part of the document.

    Raises:
        ValueError: There is no such part.
    """
    found = _between(name).search(text)
    if found is None:
        raise ValueError(f"docs/scale.md has no part {name}")
    return found[2]


def is_dearer(rate: float, hosts: tuple[Host, ...], max_lag: float) -> bool:
    """Return whether runs cost notably more than hosts, at so many events a day."""
    demand = Demand(events_per_day=rate, max_lag=max_lag)
    return choose(demand).dollars > always_on(demand, hosts).dollars * _ALIKE


def rates_table() -> str:
    """Return the table of rates."""
    return _markdown(_HEAD, (_row(choose(demand)) for demand in RATES))


def lags_table() -> str:
    """Return the table of maximum lags, for 100,000 events a day."""
    head = ("Wanted", "Schedule", "Window", "Idle", "Lag: median, worst", "Lambda", "$ a month")
    return _markdown(head, (_lag_row(choose(demand)) for demand in LAGS))


def _row(plan: Plan) -> Sequence[str]:
    demand = plan.demand
    parameters = plan.parameters
    daily = demand.events_per_day < 1_000 * DAY
    rate = f"{demand.events_per_day:,.0f} a day" if daily else f"{demand.mean:,.0f} a second"
    return (
        rate,
        f"{demand.peak:,.2g} a second" if demand.peak < 1 else f"{demand.peak:,.0f} a second",
        f"{parameters.interval_minutes} min",
        f"{parameters.window} s",
        f"{parameters.parallel_streams} x {parameters.concurrent_runs}",
        f"{parameters.memory_mb} MB",
        f"{_seconds(median_lag(plan.quiet))}, {_seconds(plan.worst_lag)}",
        f"{plan.month.objects / prices.DAYS_A_MONTH:,.0f}",
        _dollars(plan.dollars),
        _dollars(always_on(demand, FARGATE).dollars),
        _dollars(always_on(demand, EC2).dollars),
    )


def _lag_row(plan: Plan) -> Sequence[str]:
    parameters = plan.parameters
    return (
        f"{plan.demand.max_lag:g} s",
        f"{parameters.interval_minutes} min",
        f"{parameters.window} s",
        f"{parameters.idle} s",
        f"{_seconds(median_lag(plan.quiet))}, {_seconds(worst_lag(plan.quiet))}",
        _dollars(sum(line.dollars for line in plan.bill if line.service == "Lambda")),
        _dollars(plan.dollars),
    )


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"  # noqa: PLR2004 - cents


def _markdown(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    names, *lines = (f"| {' | '.join(cells)} |\n" for cells in (head, *rows))
    return "".join((names, f"|{'---|' * len(head)}\n", *lines))


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"  # noqa: PLR2004 - two digits


def _crossovers() -> str:
    lines = []
    for name, hosts in (("Fargate", FARGATE), ("EC2", EC2)):
        rate = _crossover(hosts, max_lag=330.0)
        rounded = 0 if rate is None else int(float(f"{rate / DAY:.2g}"))
        since = "at no rate" if rate is None else f"from {rounded:,} events a second on"
        lines.append(f"- {name}: {since}\n")
    return "".join(lines)


def _crossover(hosts: tuple[Host, ...], max_lag: float) -> float | None:
    """Return the lowest events a day above which hosts are always cheaper, within a few percent."""
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


def _with_part(text: str, name: str, content: str) -> str:
    part(text, name)
    return _between(name).sub(lambda found: found[1] + content + found[3], text)


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


TABLES: Final[dict[str, Callable[[], str]]] = {"rates": rates_table, "lags": lags_table}

if __name__ == "__main__":
    main()
