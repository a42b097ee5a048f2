"""The table of the tests: the fault of each alarm, and how soon it must fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.alarms import outages
from tests.alarms.alarm import Alarm, State
from tests.alarms.timeline import INTERVAL, MINUTE, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.alarms.timeline import RealRun
    from tests.faults.scene import Scene

    Outage = Callable[[Scene], Sequence[RealRun]]
    Recorded = Callable[[Outage], Sequence[RealRun]]

HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
STREAM: Final = "HandsetChangeStream"
"""The nested stack whose alarms represent those of all streams."""


def _nothing(_timeline: Timeline, _at: float) -> None:
    """Let nothing happen."""


@dataclass(frozen=True)
class Row:
    """An alarm and its fault.

    Attributes:
        alarm: Its logical id, with that of its nested stack.
        minutes: How long after the first start with the fault it fires.
        outage: Records the runs during the fault, of which the last repeats; None for no runs.
        services: Adds the metrics of AWS's services at each start.
    """

    alarm: str
    minutes: int
    outage: Outage | None = None
    services: Callable[[Timeline, float], None] = _nothing


ROWS: Final = [
    Row(f"{STREAM}.NotDrainedAlarm", 8),
    Row("Operations.FunctionErrorsAlarm", 1, outages.archive_denied),
    Row("Operations.FunctionErrorsAlarm", 1, outages.client_refused),
    Row("Operations.FunctionErrorsAlarm", 1, outages.credentials_malformed),
    Row("Operations.FunctionErrorsAlarm", 1, outages.credentials_not_put_in),
    Row("Operations.FunctionErrorsAlarm", 1, outages.stream_not_allowed),
    Row("Operations.FunctionErrorsAlarm", 1, outages.acks_not_allowed),
    Row("Operations.FunctionErrorsAlarm", 1, outages.bare_token_expired),
    Row("Operations.FunctionErrorsAlarm", 1, outages.setting_that_can_not_work),
    Row("Operations.FunctionErrorsAlarm", 6, outages.stopped_in_its_midst),
    Row("Operations.ThrottledAlarm", 6, services=Timeline.throttle),
    Row("Operations.WarningsAlarm", 1, outages.no_payload),
    Row("Operations.WarningsAlarm", 1, outages.renewal_refused),
    Row("Operations.WarningsAlarm", 1, outages.token_not_cached),
    Row("Operations.BehindAlarm", 6, outages.old_events),
    Row("Operations.BacklogAlarm", 11, outages.more_than_the_limit),
    Row("Operations.NotAckedAlarm", 6, outages.archive_unavailable),
    Row("Operations.NotAckedAlarm", 6, outages.queue_unavailable),
    Row("Operations.NotAckedAlarm", 6, outages.acks_not_confirmed),
    # The events come again after the ack time-out, in the next run: the first is without a sign.
    Row("Operations.NotAckedAlarm", 11, outages.acks_forgotten),
    Row(
        "Operations.OutboxDeadLetterAlarm",
        1,
        services=lambda timeline, at: timeline.queues(at, queue=1),
    ),
    Row(
        "Operations.ScheduleDeadLetterAlarm",
        1,
        services=lambda timeline, at: timeline.queues(at, schedule=1),
    ),
    Row(
        "Compaction.CompactionFailedAlarm",
        1,
        services=lambda timeline, at: timeline.compaction(at, failed=1),
    ),
    Row(
        "Compaction.CompactionTimedOutAlarm",
        1,
        services=lambda timeline, at: timeline.compaction(at, timed_out=1),
    ),
]


def name_of(row: Row) -> str:
    """Return the id of a row's test."""
    fault = row.outage.__name__ if row.outage else "services"
    return f"{row.alarm.partition('.')[2]}-{fault}"


def a_day(healthy: Sequence[RealRun], until: float = DAY) -> Timeline:
    """Return a day of a healthy stack: a run every five minutes, without events at night."""
    timeline = Timeline()
    quiet = healthy[2]
    for tick in range(int(until // INTERVAL)):
        at = tick * INTERVAL + 1.0
        is_night = at >= DAY - 6 * HOUR
        timeline.run(quiet if is_night else healthy[tick % len(healthy)], at)
        if at < 6 * HOUR:  # an unused queue has metrics for six hours
            timeline.queues(at)
    timeline.compaction(1.5 * HOUR)
    return timeline


def firings(
    definition: dict[str, Any], timeline: Timeline, *, since: float, until: float
) -> Iterator[float]:
    """Return the minutes after ``since`` at whose end an alarm is in the state ALARM."""
    alarm = Alarm(definition)
    for minute in range(int(since) // MINUTE, int(until) // MINUTE + 1):
        if alarm.evaluate(timeline.metrics, minute * MINUTE) is State.ALARM:
            yield minute - since / MINUTE


def with_fault(row: Row, recorded: Recorded, healthy: Sequence[RealRun]) -> Timeline:
    """Return an hour of a healthy stack, then an hour with the fault."""
    runs = recorded(row.outage) if row.outage else []
    timeline = a_day(healthy, HOUR)
    for number, at in enumerate(range(HOUR, 2 * HOUR, INTERVAL)):
        if runs:
            timeline.run(runs[min(number, len(runs) - 1)], at + 1.0)
        row.services(timeline, at + 1.0)
    return timeline
