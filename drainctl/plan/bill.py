"""The quantities that AWS bills for a month, and their cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from drainctl.plan import measured, prices, rules
from drainctl.plan.demand import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainctl.plan.cycle import Cycle
    from drainctl.plan.demand import Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The quantities that runs use per second, interval, day or month.

    Attributes:
        events: Events drained.
        ticks: Scheduled starts.
        runs: Runs of the function.
        run_seconds: Billed seconds of all runs.
        objects: Objects written to S3.
        sqs_requests: Billed requests of all SendMessageBatch calls.
    """

    events: float = 0.0
    ticks: float = 0.0
    runs: float = 0.0
    run_seconds: float = 0.0
    objects: float = 0.0
    sqs_requests: float = 0.0

    def times(self, factor: float) -> Usage:
        """Return the usage multiplied by a factor."""
        return Usage(**{each.name: getattr(self, each.name) * factor for each in fields(self)})

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            **{
                each.name: getattr(self, each.name) + getattr(other, each.name)
                for each in fields(self)
            }
        )


def usage_of_interval(cycle: Cycle) -> Usage:
    """Return the usage of an interval of one stream."""
    packed = cycle.flow.parameters.events_per_message
    objects = requests = 0.0
    for count, events in cycle.batches:
        of_batch = _sqs_calls(events, packed)
        objects += count
        requests += count * sqs_requests(events, packed, of_batch)
    return Usage(
        events=cycle.events,
        ticks=1.0,
        runs=cycle.runs,
        run_seconds=cycle.run_seconds,
        objects=objects,
        sqs_requests=requests,
    )


def _sqs_calls(events: float, events_per_message: int) -> float:
    """Return the mean number of SendMessageBatch calls for a batch of the given size."""
    calls = max(1.0, events / events_per_message) / rules.MESSAGES_PER_SQS_CALL
    return calls if calls == int(calls) else max(1.0, calls + 0.45)


def sqs_requests(events: float, events_per_message: int, calls: float) -> float:
    """Return the billed requests of a batch's calls: one for each started 64 KB of each call."""
    attributes = measured.MESSAGE_ATTRIBUTE_BYTES / events_per_message
    size = events * (measured.LINE_BYTES + attributes) / calls
    return calls * math.ceil(size / rules.SQS_REQUEST_BYTES)


def month(demand: Demand, of_phases: Iterable[tuple[Usage, float]]) -> Usage:
    """Return the usage of a month.

    Args:
        demand: The demand, for its number of streams.
        of_phases: For each phase of the day, its usage per second and its length in seconds.
    """
    day = Usage()
    for usage, seconds in of_phases:
        day += usage.times(seconds)
    return day.times(prices.DAYS_A_MONTH * demand.streams)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill.

    Attributes:
        service: The service.
        what: The billed quantity and its unit.
        dollars: Dollars a month.
    """

    service: str
    what: str
    dollars: float


def bill(demand: Demand, month: Usage, memory_mb: int) -> list[Line]:
    """Return the stack's bill for a month.

    Args:
        demand: The demand.
        month: The usage of a month.
        memory_mb: The function's memory.
    """
    gb_seconds = month.run_seconds * memory_mb / 1024
    return [
        Line("Lambda", f"{month.runs:,.0f} requests", month.runs * prices.LAMBDA_REQUEST),
        Line(
            "Lambda",
            f"{gb_seconds:,.0f} GB-seconds",
            gb_seconds * prices.LAMBDA_GB_SECOND[demand.architecture],
        ),
        *sinks(demand, month),
        *fixed(
            demand,
            month.runs,
            has_many_runs=month.runs > month.ticks * 1.001,
            # The schedules of all streams start their concurrent runs in the same second.
            processes=demand.streams * month.runs / max(1.0, month.ticks),
        ),
        Line(
            "CloudWatch",
            f"{month.runs * measured.LOG_BYTES_PER_RUN / 1e9:,.2f} GB of logs",
            month.runs * measured.LOG_BYTES_PER_RUN / 1e9 * (prices.LOG_GB + prices.LOG_GB_MONTH),
        ),
        Line(
            "Scheduler",
            f"{month.ticks:,.0f} starts",
            month.ticks * prices.SCHEDULER_INVOCATION,
        ),
    ]


def sinks(demand: Demand, month: Usage) -> list[Line]:
    """Return the cost of S3 and SQS, which is the same for runs and for an always-on process."""
    stored = archived_bytes(month) / 1e9
    price = prices.SQS_FIFO_REQUEST if demand.is_fifo else prices.SQS_REQUEST
    return [
        Line("S3", f"{month.objects:,.0f} PUTs", month.objects * prices.S3_PUT),
        Line(
            "S3",
            f"{stored:,.2f} GB more each month",
            stored * prices.S3_GB_MONTH,
        ),
        Line("SQS", f"{month.sqs_requests:,.0f} requests", month.sqs_requests * price),
    ]


def fixed(
    demand: Demand, runs: float, *, has_many_runs: bool, processes: float = 1.0
) -> list[Line]:
    """Return the cost of secrets, metrics, alarms and the KMS key.

    Args:
        demand: The demand.
        runs: The runs of a month.
        has_many_runs: Whether runs start other runs.
        processes: The processes that the runs share, each of which reads the secrets.
    """
    reads = min(
        runs * measured.SECRET_READS_PER_RUN,
        processes * prices.HOURS_A_MONTH * measured.SECRET_READS_PER_HOUR,
    )
    calls = reads + measured.TOKENS_PER_DAY * prices.DAYS_A_MONTH
    events_an_hour = demand.mean / demand.streams * 3_600
    metrics = demand.streams * (
        rules.METRICS_OF_EVERY_RUN
        + rules.METRICS_OF_SOME_RUNS * -math.expm1(-events_an_hour)
        + rules.METRICS_OF_MANY_RUNS * has_many_runs
    )
    alarms = demand.streams * rules.ALARM_METRICS_PER_STREAM + rules.ALARM_METRICS_PER_STACK
    lines = [
        Line(
            "Secrets Manager",
            f"{rules.SECRETS} secrets, {calls:,.0f} calls",
            rules.SECRETS * prices.SECRET_MONTH + calls * prices.SECRET_CALL,
        ),
        Line("CloudWatch", f"{metrics:,.0f} metrics", metrics * prices.METRIC_MONTH),
        Line("CloudWatch", f"{alarms} metrics watched by alarms", alarms * prices.ALARM_MONTH),
    ]
    if demand.has_kms_key:
        # Each read of a secret is a call. The log, S3 and SQS use a data key for some minutes;
        # while no events arrive, S3 and SQS need none.
        with_events = -math.expm1(-demand.mean * rules.DATA_KEY_SECONDS)
        periods = prices.DAYS_A_MONTH * DAY / rules.DATA_KEY_SECONDS
        uses = reads + periods * (1 + 2 * with_events)
        lines.append(
            Line("KMS", f"1 key, {uses:,.0f} calls", prices.KMS_KEY_MONTH + uses * prices.KMS_CALL)
        )
    return lines


def consumers(demand: Demand, month: Usage) -> Line:
    """Return the minimum cost of a consumer, which receives and deletes ten messages per call."""
    messages = month.events / demand.events_per_message
    receives = max(messages / rules.MESSAGES_PER_SQS_CALL, _kilobyte_requests(demand, month))
    deletes = messages / rules.MESSAGES_PER_SQS_CALL
    price = prices.SQS_FIFO_REQUEST if demand.is_fifo else prices.SQS_REQUEST
    requests = receives + deletes
    return Line("SQS", f"{requests:,.0f} requests of a consumer", requests * price)


def archived_bytes(month: Usage) -> float:
    """Return by how many bytes the usage makes the archive grow."""
    return month.objects * measured.OBJECT_BYTES + month.events * measured.ARCHIVED_BYTES_PER_EVENT


def total(lines: list[Line]) -> float:
    """Return the sum of the lines, in dollars."""
    return sum(line.dollars for line in lines)


def _kilobyte_requests(demand: Demand, month: Usage) -> float:
    attributes = measured.MESSAGE_ATTRIBUTE_BYTES / demand.events_per_message
    size = month.events * (measured.LINE_BYTES + attributes)
    return size / rules.SQS_REQUEST_BYTES
