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
from eventdrain.events import max_events_per_message

_LATENCIES = Latencies()
_THOUSANDS: Final = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")


class _Number(click.ParamType[float]):
    """A number, such as 1000000, 1,000,000 or 1e6."""

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
    help="The number of streams, assumed to have equal rates. If rates differ, multiply the rate of"
    " the busiest stream by the number of streams.",
)
@click.option(
    "--events-per-message",
    type=click.IntRange(1, max_events_per_message(is_fifo=False)),
    default=1,
    show_default=True,
    help="The maximum number of events in an SQS message.",
)
@click.option(
    "--max-lag",
    type=click.FloatRange(min=0, min_open=True),
    default=330.0,
    show_default=True,
    help="The maximum time from an event to its line in the archive, in seconds. The default allows"
    " a start every five minutes.",
)
@click.option(
    "--memory",
    type=click.IntRange(rules.LEAST_MEMORY_MB, rules.MOST_MEMORY_MB),
    help="The function's memory in MB, at least 512.  [default: the cheapest]",
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
    """Compute the stack's parameters for an event rate, with lag and cost.

    Chooses the cheapest parameters that keep the lag. Does not call AWS. docs/scale.md describes
    the model and its limits.

    Exit status: 0 done; 1 no parameters meet the requirements; 2 wrong usage.
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
