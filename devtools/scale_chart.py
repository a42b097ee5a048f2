"""The chart of docs/scale.md: dollars a month by rate, for runs and for always-on hosts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from drainctl.plan import DAY, EC2, FARGATE, PEAK_FACTOR, Demand, always_on, choose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIRST: Final = 1_000.0
_LAST: Final = DAY * 100_000 / PEAK_FACTOR
_PER_DECADE: Final = 4
_INK: Final = "#24292f"
_FAINT: Final = "#8c959f"
_LINE: Final = "#0969da"
_SHARP: Final = "#bc4c00"


def daily_rates() -> Iterator[float]:
    """Yield events a day, evenly on a logarithmic scale, up to the maximum."""
    steps = math.floor(math.log10(_LAST / _FIRST) * _PER_DECADE)
    for step in range(steps + 1):
        yield _FIRST * 10 ** (step / _PER_DECADE)


def draw(path: Path) -> None:
    """Draw two panels: the whole bill, and the cost of computing alone."""
    import matplotlib as mpl  # noqa: PLC0415 - takes half a second, only for the chart

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    rates = list(daily_rates())
    both = [
        (choose(Demand(events_per_day=rate)), choose(Demand(events_per_day=rate, max_lag=20)))
        for rate in rates
    ]
    minutes, seconds = zip(*both, strict=True)
    demands = [plan.demand for plan in minutes]
    figure, (all_of_it, computing) = plt.subplots(
        1, 2, figsize=(11, 4.2), layout="constrained", facecolor="white", sharex=True
    )
    series = (
        ("runs, a lag of minutes", _LINE, "-", minutes),
        ("runs, a lag of 20 s", _LINE, "--", seconds),
    )
    for label, colour, style, plans in series:
        all_of_it.plot(rates, [plan.dollars for plan in plans], style, color=colour, label=label)
        lambdas = [
            sum(line.dollars for line in plan.bill if line.service == "Lambda") for plan in plans
        ]
        computing.plot(rates, lambdas, style, color=colour, label=label)
    for label, colour, hosts in (
        ("always on: Fargate", _SHARP, FARGATE),
        ("always on: EC2", _FAINT, EC2),
    ):
        others = [always_on(demand, hosts) for demand in demands]
        all_of_it.plot(rates, [each.dollars for each in others], color=colour, label=label)
        hosting = [each.host.month * each.count for each in others]
        computing.plot(rates, hosting, color=colour, label=label)
    for axes, title in (
        (all_of_it, "All that is billed"),
        (computing, "Lambda, or the host, alone"),
    ):
        axes.set(xscale="log", yscale="log", xlabel="events a day", ylabel="$ a month")
        axes.set_title(title, loc="left", color=_INK, fontsize=12, weight="bold")
        axes.grid(visible=True, which="major", color="#d0d7de", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelcolor=_INK)
    all_of_it.legend(frameon=False, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=140)
    plt.close(figure)
