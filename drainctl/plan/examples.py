"""The example rates of docs/scale.md: as tables in Markdown, made by the calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drainctl.plan import prices
from drainctl.plan.always_on import EC2, FARGATE, always_on
from drainctl.plan.choose import Plan, choose
from drainctl.plan.demand import DAY, Demand
from drainctl.plan.lag import median_lag, worst_lag
from drainctl.plan.output import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
LAGS: Final = tuple(Demand(events_per_day=100_000, max_lag=lag) for lag in (330, 120, 65, 20))

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


def rates_table() -> str:
    """Give the table of rates."""
    return _markdown(_HEAD, (_row(choose(demand)) for demand in RATES))


def lags_table() -> str:
    """Give the table of wanted lags, for 100,000 events a day."""
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
        f"{parameters.parallel_streams} x {parameters.pullers}",
        f"{parameters.memory_mb} MB",
        f"{seconds(median_lag(plan.quiet))}, {seconds(plan.worst_lag)}",
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
        f"{seconds(median_lag(plan.quiet))}, {seconds(worst_lag(plan.quiet))}",
        _dollars(sum(line.dollars for line in plan.bill if line.service == "Lambda")),
        _dollars(plan.dollars),
    )


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"  # noqa: PLR2004 - cents


def _markdown(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    names, *lines = (f"| {' | '.join(cells)} |\n" for cells in (head, *rows))
    return "".join((names, f"|{'---|' * len(head)}\n", *lines))
