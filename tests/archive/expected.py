"""What the saved queries must answer, worked out in plain Python from the facts of the lines.

Written from what each query is to mean, not from its SQL. Each function gives rows as tuples, in
the order and with the columns that it names. Times are UTC without a zone, cut to milliseconds;
null comes last in every order. ``today`` is the day on which the query is asked; the last 30 days
are those from 30 days before it on, so 31 with today.

Percentiles are interpolated: the value at the position ``part * (n - 1)`` of the ``n`` sorted
values, counted from 0, and between two values in proportion. Athena's are approximate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from math import floor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from tests.archive.facts import HandsetChange
from tests.archive.times import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from tests.archive.facts import MadeUpEvent, MadeUpLine

Rows: TypeAlias = list[tuple[Any, ...]]

SECONDS_TOLERANCE: Final = 0.001
"""By how much exact percentiles may differ from ours: they are of whole milliseconds."""
_DAYS_BACK: Final = timedelta(days=30)
_TAC_LENGTH: Final = 8
_MOST_MODEL_CHANGES: Final = 100


class ArchivedEvent(NamedTuple):
    """An event, however many lines the archive has of it.

    Attributes:
        line: The first received; of those that came in the same millisecond, the one that is not
            marked as sent before.
        copies: How many lines there are.
    """

    line: MadeUpLine
    copies: int


class DayTotals(NamedTuple):
    """How much there is of one day.

    Attributes:
        lines: How many lines.
        events: How many different events in them.
    """

    lines: int
    events: int


def events_of(lines: Iterable[MadeUpLine]) -> list[ArchivedEvent]:
    """Give each event once, in the order of its first line here. It is what the views hold."""
    first: dict[str, MadeUpLine] = {}
    more: Counter[str] = Counter()
    for line in lines:
        other = first.setdefault(line.event.event_id, line)
        if other is not line:
            more[line.event.event_id] += 1
            if (line.received_at, line.redelivered) < (other.received_at, other.redelivered):
                first[line.event.event_id] = line
    return [ArchivedEvent(line, 1 + more[event_id]) for event_id, line in first.items()]


def todays_handset_changes(events: Iterable[ArchivedEvent], today: date) -> Rows:
    """Answer which handset changes are of today.

    Returns:
        event_time, subscription_id, number, imsi, previous_imei, previous_software_version,
        current_imei, current_software_version; by event_time, event_id.
    """
    return [
        (
            _time(event.line.event),
            event.line.event.subscription_id,
            change.number,
            change.imsi,
            change.previous_imei,
            change.previous_software_version,
            change.current_imei,
            change.current_software_version,
        )
        for event, change in _in_order(_handset_changes(events))
        if event.line.dt == today.isoformat()
    ]


def model_changes_by_tac(events: Iterable[ArchivedEvent], today: date) -> Rows:
    """Answer how often a handset of one model was changed for one of another in 30 days.

    Returns:
        from_tac, to_tac, changes, subscriptions (how many different ones that are known); by
        changes, most first, then by from_tac, to_tac; 100 at the most.
    """
    changes: Counter[tuple[str, str]] = Counter()
    whose: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for event, change in _recent(_handset_changes(events), today):
        if change.previous_imei is None:
            continue
        models = (change.previous_imei[:_TAC_LENGTH], change.current_imei[:_TAC_LENGTH])
        if models[0] != models[1]:
            changes[models] += 1
            whose[models].update(filter(None, [event.line.event.subscription_id]))
    rows = [(*models, count, len(whose[models])) for models, count in changes.items()]
    return sorted(rows, key=lambda row: (-row[2], row[:2]))[:_MOST_MODEL_CHANGES]


def software_updates(events: Iterable[ArchivedEvent], today: date) -> Rows:
    """Answer which handsets had other software in 30 days.

    Returns:
        event_time, subscription_id, imei, from_version, to_version; by event_time, event_id.
    """
    return [
        (
            _time(event.line.event),
            event.line.event.subscription_id,
            change.current_imei,
            change.previous_software_version,
            change.current_software_version,
        )
        for event, change in _in_order(_recent(_handset_changes(events), today))
        if change.previous_imei == change.current_imei
        and change.previous_software_version != change.current_software_version
    ]


def subscriber_history(events: Iterable[ArchivedEvent], subscription_id: str) -> Rows:
    """Answer which handset changes a subscription ever had.

    Returns:
        event_time, previous_imei, previous_software_version, current_imei,
        current_software_version, imsi, number, copies; by event_time, event_id.
    """
    return [
        (_time(event.line.event), *change, event.copies)
        for event, change in _in_order(_handset_changes(events))
        if event.line.event.subscription_id == subscription_id
    ]


def sims_moved_often(events: Iterable[ArchivedEvent], today: date, more_than: int) -> Rows:
    """Answer which SIMs went to another handset more than so often on one day, in 30 days.

    Returns:
        dt, imsi, changes, handsets (how many different ones it went to); by changes, most first,
        then by dt, imsi.
    """
    moved_to: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for event, change in _recent(_handset_changes(events), today):
        if change.previous_imei not in (None, change.current_imei):
            moved_to[event.line.dt, change.imsi].append(change.current_imei)
    rows = [
        (*sim_and_day, len(handsets), len(set(handsets)))
        for sim_and_day, handsets in moved_to.items()
        if len(handsets) > more_than
    ]
    return sorted(rows, key=lambda row: (-row[2], row[:2]))


def duplicates_and_redeliveries(lines: Iterable[MadeUpLine], event_type: str, today: date) -> Rows:
    """Answer how many lines of each of 30 days are copies, and how many were sent before.

    Returns:
        dt, lines, events, duplicates (lines beyond one for each event), duplicate_rate,
        redelivered, redelivered_rate (both rates as parts of the lines); by dt.
    """
    ids: defaultdict[str, set[str]] = defaultdict(set)
    count: Counter[str] = Counter()
    redelivered: Counter[str] = Counter()
    for line in lines:
        if line.event.event_type == event_type and _is_recent(line, today):
            ids[line.dt].add(line.event.event_id)
            count[line.dt] += 1
            redelivered[line.dt] += line.redelivered
    return [
        (
            dt,
            count[dt],
            len(ids[dt]),
            count[dt] - len(ids[dt]),
            (count[dt] - len(ids[dt])) / count[dt],
            redelivered[dt],
            redelivered[dt] / count[dt],
        )
        for dt in sorted(count)
    ]


def lag_to_archive(events: Iterable[ArchivedEvent], event_type: str, today: date) -> Rows:
    """Answer how long it took until an event of each of 30 days was first received.

    Returns:
        dt, events (those with a time), median_seconds, p95_seconds, greatest_seconds (of
        differences in milliseconds); by dt.
    """
    lags: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        line = event.line
        time = line.event.time
        if line.event.event_type == event_type and _is_recent(line, today) and time is not None:
            lags[line.dt].append((line.received_at - _milliseconds(time)) / 1000)
    return [
        (dt, len(lags[dt]), _percentile(lags[dt], 0.5), _percentile(lags[dt], 0.95), max(lags[dt]))
        for dt in sorted(lags)
    ]


def seam_check() -> Rows:
    """Answer on which days the view differs from what it is made of: none.

    Returns:
        No rows.
    """
    return []


def view_rows(events: Iterable[ArchivedEvent], event_type: str, dt: str) -> Rows:
    """Answer what the view of a stream has of one day.

    Returns:
        event_id, copies, event_time, subscription_id, redelivered, received_at, the columns of the
        payload, raw (always null), dt; by event_id. Repeated fields are lists.
    """
    rows = [
        (
            line.event.event_id,
            copies,
            _time(line.event),
            line.event.subscription_id,
            line.redelivered,
            timestamp(line.received_at),
            *(list(value) if isinstance(value, tuple) else value for value in line.event.payload),
            None,
            line.dt,
        )
        for line, copies in events
        if line.event.event_type == event_type and line.dt == dt
    ]
    return sorted(rows, key=lambda row: row[0])


def totals(lines: Iterable[MadeUpLine]) -> dict[tuple[str, str], DayTotals]:
    """Count what there is, by event type and ``dt``."""
    ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    count: Counter[tuple[str, str]] = Counter()
    for line in lines:
        where = (line.event.event_type, line.dt)
        ids[where].add(line.event.event_id)
        count[where] += 1
    return {where: DayTotals(count[where], len(ids[where])) for where in sorted(count)}


_Change: TypeAlias = tuple[ArchivedEvent, HandsetChange]


def _handset_changes(events: Iterable[ArchivedEvent]) -> Iterator[_Change]:
    for event in events:
        payload = event.line.event.payload
        if isinstance(payload, HandsetChange):
            yield event, payload


def _recent(changes: Iterable[_Change], today: date) -> Iterator[_Change]:
    return (each for each in changes if _is_recent(each[0].line, today))


def _is_recent(line: MadeUpLine, today: date) -> bool:
    return line.dt >= (today - _DAYS_BACK).isoformat()


def _in_order(changes: Iterable[_Change]) -> list[_Change]:
    """Sort by event time as it is shown, then by id."""
    return sorted(changes, key=_time_and_id)


def _time_and_id(change: _Change) -> tuple[bool, int, str]:
    event = change[0].line.event
    return event.time is None, _milliseconds(event.time or 0), event.event_id


def _time(event: MadeUpEvent) -> datetime | None:
    return None if event.time is None else timestamp(_milliseconds(event.time))


def _milliseconds(nanoseconds: int) -> int:
    return nanoseconds // 1_000_000


def _percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    position = part * (len(ordered) - 1)
    below = floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
