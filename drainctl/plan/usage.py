"""The billed quantities: what a month uses of each service."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from drainctl.plan import measured, prices, rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainctl.plan.cycle import Cycle
    from drainctl.plan.demand import Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What runs use in a second, an interval, a day or a month.

    Attributes:
        events: Events drained.
        ticks: Scheduled starts.
        runs: Runs of the function.
        run_seconds: Their billed seconds.
        objects: Objects written to S3.
        sqs_requests: Requests that SendMessageBatch calls are billed as.
    """

    events: float = 0.0
    ticks: float = 0.0
    runs: float = 0.0
    run_seconds: float = 0.0
    objects: float = 0.0
    sqs_requests: float = 0.0

    def times(self, factor: float) -> Usage:
        """Return it multiplied."""
        return Usage(**{each.name: getattr(self, each.name) * factor for each in fields(self)})

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            **{
                each.name: getattr(self, each.name) + getattr(other, each.name)
                for each in fields(self)
            }
        )


def usage_of_interval(cycle: Cycle) -> Usage:
    """Return what an interval of one stream uses."""
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
    """Return how many SendMessageBatch calls a batch of so many events makes on average."""
    calls = max(1.0, events / events_per_message) / rules.MESSAGES_PER_SQS_CALL
    return calls if calls == int(calls) else max(1.0, calls + 0.45)


def sqs_requests(events: float, events_per_message: int, calls: float) -> float:
    """Return the billed requests of a batch's calls: one for each started 64 KB of a call."""
    attributes = measured.MESSAGE_ATTRIBUTE_BYTES / events_per_message
    size = events * (measured.LINE_BYTES + attributes) / calls
    return calls * math.ceil(size / rules.SQS_REQUEST_BYTES)


def month(demand: Demand, of_phases: Iterable[tuple[Usage, float]]) -> Usage:
    """Return what a month uses.

    Args:
        demand: The demand, for its number of streams.
        of_phases: What each phase of the day uses in a second, and how many seconds it lasts.
    """
    day = Usage()
    for usage, seconds in of_phases:
        day += usage.times(seconds)
    return day.times(prices.DAYS_A_MONTH * demand.streams)
