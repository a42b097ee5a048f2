"""The command ``drainctl plan``."""

from __future__ import annotations

import re
from typing import Final

import click

from drainctl.make_command import MakeCommand
from drainctl.output import console, json_option, print_json
from drainctl.plan import rules
from drainctl.plan.choose import choose
from drainctl.plan.demand import PEAK_FACTOR, Demand, DemandError
from drainctl.plan.measured import Latencies
from drainctl.plan.output import as_json, remarks, tables

_LATENCIES = Latencies()
_THOUSANDS: Final = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")


class _Number(click.ParamType[float]):
    """A number as people write it: 1000000, 1,000,000 or 1e6."""

    name = "number"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """See ``click.ParamType``."""
        if _THOUSANDS.fullmatch(value):
            value = value.replace(",", "")
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid float.", param, ctx)


@click.command("plan", cls=MakeCommand, context_settings={"max_content_width": 100})
@click.option(
    "--events-per-day",
    type=_Number(),
    required=True,
    help="Events a day, of all streams together.",
)
@click.option(
    "--peak-per-second",
    type=_Number(),
    help=f"Events a second in the busiest hour.  [default: {PEAK_FACTOR:g} times the mean]",
)
@click.option(
    "--streams",
    type=click.IntRange(1, rules.MOST_STREAMS),
    default=1,
    show_default=True,
    help="How many streams. They are assumed to have equal rates; if they have not, multiply the"
    " busiest one's rate by their number.",
)
@click.option(
    "--events-per-message",
    type=click.IntRange(1, rules.MOST_EVENTS_PER_MESSAGE),
    default=1,
    show_default=True,
    help="The most events in an SQS message.",
)
@click.option(
    "--max-lag",
    type=click.FloatRange(min=0, min_open=True),
    default=330.0,
    show_default=True,
    help="The most seconds from an event until its line is in the archive. The default allows a"
    " start every five minutes.",
)
@click.option(
    "--memory",
    type=click.IntRange(rules.LEAST_MEMORY_MB, rules.MOST_MEMORY_MB),
    help="The function's memory in MB.  [default: the cheapest of 512 and more]",
)
@click.option(
    "--s3-ms",
    type=click.FloatRange(min=0, min_open=True, max=7000),  # the engine's time-out
    default=_LATENCIES.s3 * 1000,
    show_default=True,
    help="The latency of your S3 in milliseconds.",
)
@click.option(
    "--sqs-ms",
    type=click.FloatRange(min=0, min_open=True, max=7000),  # the engine's time-out
    default=_LATENCIES.sqs * 1000,
    show_default=True,
    help="The latency of your SQS in milliseconds.",
)
@click.option(
    "--ack-ms",
    type=click.FloatRange(min=0, min_open=True, max=5000),  # the engine's time-out
    default=_LATENCIES.ack * 1000,
    show_default=True,
    help="The latency of the event server's acks in milliseconds.",
)
@click.option(
    "--architecture",
    type=click.Choice(["arm64", "x86_64"]),
    default="arm64",
    show_default=True,
    help="The function's processor.",
)
@click.option("--fifo", is_flag=True, help="The queue is FIFO.")
@click.option(
    "--kms/--no-kms",
    default=True,
    show_default=True,
    help="Whether a KMS key of the account encrypts everything (Encryption is customer-key).",
)
@json_option
def main(
    *,
    events_per_day: float,
    peak_per_second: float | None,
    streams: int,
    events_per_message: int,
    max_lag: float,
    memory: int | None,
    s3_ms: float,
    sqs_ms: float,
    ack_ms: float,
    architecture: str,
    fifo: bool,
    kms: bool,
    is_json: bool,
) -> None:
    """Turn an event rate into parameters, with their lag and cost.

    It chooses the cheapest parameters that keep the lag, without calling AWS. docs/scale.md says
    how it computes, and what it can't know.

    Exit status: 0 done; 1 no parameters do what is asked; 2 wrong usage.
    """
    try:
        demand = Demand(
            events_per_day=events_per_day,
            peak_per_second=peak_per_second,
            streams=streams,
            events_per_message=events_per_message,
            memory_mb=memory,
            max_lag=max_lag,
            latencies=Latencies(s3=s3_ms / 1000, sqs=sqs_ms / 1000, ack=ack_ms / 1000),
            architecture=architecture,
            is_fifo=fifo,
            has_kms_key=kms,
        )
    except DemandError as error:
        raise click.UsageError(error.format_message()) from None
    plan = choose(demand)
    if is_json:
        print_json(as_json(plan))
        return
    shown = console(is_json=False)
    for table in tables(plan):
        shown.print(table)
    for remark in remarks(plan):
        shown.print(f"- {remark}")
    click.echo(f"\nTo deploy it:\n{plan.parameters.as_command()}")
