"""The output of a plan, as tables and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from drainctl.plan import bill, prices, rules
from drainctl.plan.always_on import EC2, FARGATE, always_on
from drainctl.plan.lag import median_lag, worst_lag
from eventdrain.events import max_events_per_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.plan.choose import Plan


def tables(plan: Plan) -> Iterator[Table]:
    """Yield the tables to print."""
    parameters = _table("Parameters of the stack", "parameter", "value")
    for name, value in plan.parameters.as_template().items():
        parameters.add_row(name, value)
    yield parameters
    yield _behaviour(plan)
    costs = Table(
        title=f"Dollars a month, {prices.REGION}, list prices of {prices.AS_OF}, no free tier",
        title_justify="left",
    )
    costs.add_column("service")
    costs.add_column("for")
    costs.add_column("$", justify="right")
    for line in plan.bill:
        costs.add_row(line.service, line.what, f"{line.dollars:,.2f}")
    costs.add_section()
    costs.add_row("Total", "", f"{plan.dollars:,.2f}")
    yield costs


def remarks(plan: Plan) -> Iterator[str]:
    """Yield remarks to print below the tables."""
    parameters = plan.parameters
    demand = plan.demand
    consumer = bill.consumers(demand, plan.month)
    yield f"A consumer of the queue adds at least ${consumer.dollars:,.2f}: {consumer.what}."
    if demand.events_per_message == 1 < max_events_per_message(is_fifo=demand.is_fifo):
        line = next(line for line in plan.bill if line.service == "SQS")
        if line.dollars > 1:
            yield "--events-per-message 10 would make a tenth of the requests to SQS."
    for hosts in (FARGATE, EC2):
        other = always_on(demand, hosts)
        yield (
            f"Always on, {other.count} x {other.host.name}: ${other.dollars:,.2f}, with a lag of a"
            " few seconds."
        )
    yield (
        f"ReservedConcurrency: none, or at least {plan.most_runs_at_once:,}, the most concurrent"
        f" runs of a backlog; {plan.runs_at_once:,} are usual at the peak."
    )
    if plan.most_runs_at_once > rules.LAMBDA_CONCURRENCY:
        yield (
            f"That is above an account's default concurrency of {rules.LAMBDA_CONCURRENCY:,}:"
            " request a higher quota, or set BacklogRuns to 0."
        )
    yield (
        "A scheduled start may be up to a minute late, which the lag does not include."
        f" The plan uses at most {rules.HEADROOM:.0%} of the runs' capacity."
    )
    if parameters.ack_timeout < rules.ACK_TIMEOUTS_SECONDS[0]:
        yield (
            "AckTimeoutSeconds is short to keep the lag small: if S3 or SQS is slow for longer,"
            " events arrive twice."
        )


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "demand": {
            "events_per_day": plan.demand.events_per_day,
            "peak_per_second": plan.demand.peak,
            "streams": plan.demand.streams,
        },
        "parameters": plan.parameters.as_template(),
        "lag_seconds": {
            name: {"median": median_lag(cycle), "worst": worst_lag(cycle)}
            for name, cycle in (("steady", plan.quiet), ("peak", plan.busy))
        },
        "per_day": dict(_per_day(plan)),
        "runs_at_once": {"usual": plan.runs_at_once, "most": plan.most_runs_at_once},
        "dollars_per_month": [
            {"service": line.service, "for": line.what, "dollars": line.dollars}
            for line in plan.bill
        ],
        "dollars_per_month_together": plan.dollars,
        "consumer_dollars_per_month": bill.consumers(plan.demand, plan.month).dollars,
        "always_on": [
            {"host": each.host.name, "count": each.count, "dollars_per_month": each.dollars}
            for each in (always_on(plan.demand, FARGATE), always_on(plan.demand, EC2))
        ],
        "prices": {"region": prices.REGION, "as_of": prices.AS_OF},
    }


def seconds(value: float) -> str:
    """Format a number of seconds."""
    return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"  # noqa: PLR2004 - two digits


def _behaviour(plan: Plan) -> Table:
    table = _table("The result", "", "steady", "peak")
    pairs = (plan.quiet, plan.busy)
    table.add_row(
        "events a second, all streams",
        *(f"{cycle.flow.per_second * plan.demand.streams:,.4g}" for cycle in pairs),
    )
    table.add_row("lag, median", *(seconds(median_lag(cycle)) for cycle in pairs))
    table.add_row("lag, worst", *(seconds(worst_lag(cycle)) for cycle in pairs))
    table.add_row("runs per start", *(f"{cycle.runs:,.3g}" for cycle in pairs))
    table.add_row("seconds per run", *(f"{c.run_seconds / c.runs:,.1f}" for c in pairs))
    table.add_section()
    for name, value in _per_day(plan):
        table.add_row(f"{name.replace('_', ' ')} a day", f"{value:,.0f}", "")
    return table


def _per_day(plan: Plan) -> Iterator[tuple[str, float]]:
    day = plan.month.times(1 / prices.DAYS_A_MONTH)
    yield "runs", day.runs
    yield "objects", day.objects
    yield "sqs_requests", day.sqs_requests


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table
