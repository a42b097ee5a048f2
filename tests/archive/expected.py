"""What the saved queries must answer, computed in plain Python from the facts of the lines.

Written from each query's description, not from its SQL. Times are UTC without a zone, truncated to
milliseconds; null comes last in every order. ``today`` is the day of the query; the last 30 days
begin 30 days before, so they are 31 days including today.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from tests.archive.made_up import HandsetChange, MadeUpEvent, MadeUpLine

Rows: TypeAlias = list[tuple[Any, ...]]


class ArchivedEvent(NamedTuple):
    """An event, with all its lines.

    Attributes:
        line: The first line received; of several in the same millisecond, the one that is not
            marked as redelivered.
        copies: The number of lines.
    """

    line: MadeUpLine
    copies: int

    @property
    def event(self) -> MadeUpEvent:
        """The event."""
        return self.line.event

    @property
    def time(self) -> datetime | None:
        """Its time, as in a query's answer."""
        if self.event.time is None:
            return None
        milliseconds = timedelta(milliseconds=self.event.time // 1_000_000)
        return datetime(1970, 1, 1) + milliseconds  # noqa: DTZ001 - a query shows no zone


def events_of(lines: Iterable[MadeUpLine]) -> list[ArchivedEvent]:
    """Return each event once, in the order of first lines, as the views do."""
    copies: defaultdict[str, list[MadeUpLine]] = defaultdict(list)
    for line in lines:
        copies[line.event.event_id].append(line)
    return [
        ArchivedEvent(min(each, key=lambda line: line[1:]), len(each)) for each in copies.values()
    ]


def todays_handset_changes(events: Iterable[ArchivedEvent], today: date) -> Rows:
    """Return event_time, subscription_id, number, imsi and both handsets; by event_time, event_id.

    A handset is two columns: IMEI and software version, of the previous one and the current one.
    """
    return [
        (event.time, event.event.subscription_id, change.number, change.imsi, *change[:4])
        for event, change in _in_order(events)
        if event.line.dt == today.isoformat()
    ]


def model_changes_by_tac(events: Iterable[ArchivedEvent], today: date) -> Rows:
    """Return from_tac, to_tac, changes, subscriptions of 30 days; by changes, most first; 100."""
    changes: Counter[tuple[str, str]] = Counter()
    whose: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for event, change in _in_order(events, since=today):
        if change.previous_imei is None:
            continue
        models = (change.previous_imei[:8], change.current_imei[:8])
        if models[0] != models[1]:
            changes[models] += 1
            whose[models].update(filter(None, [event.event.subscription_id]))
    rows = [(*models, count, len(whose[models])) for models, count in changes.items()]
    return sorted(rows, key=lambda row: (-row[2], row[:2]))[:100]


def software_updates(events: Iterable[ArchivedEvent], today: date) -> Rows:
    """Return event_time, subscription_id, imei, from_version, to_version of 30 days."""
    return [
        (event.time, event.event.subscription_id, imei, old, new)
        for event, (previous, old, imei, new, *_) in _in_order(events, since=today)
        if previous == imei and old != new
    ]


def subscriber_history(events: Iterable[ArchivedEvent], subscription_id: str) -> Rows:
    """Return event_time, both handsets, imsi, number and copies; by event_time, event_id."""
    return [
        (event.time, *change, event.copies)
        for event, change in _in_order(events)
        if event.event.subscription_id == subscription_id
    ]


def sims_moved_often(events: Iterable[ArchivedEvent], today: date, more_than: int) -> Rows:
    """Return dt, imsi, changes, handsets of 30 days; by changes, most first, then by dt, imsi."""
    moved_to: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for event, change in _in_order(events, since=today):
        if change.previous_imei not in (None, change.current_imei):
            moved_to[event.line.dt, change.imsi].append(change.current_imei)
    rows = [
        (*sim_and_day, len(handsets), len(set(handsets)))
        for sim_and_day, handsets in moved_to.items()
        if len(handsets) > more_than
    ]
    return sorted(rows, key=lambda row: (-row[2], row[:2]))


def duplicates_and_redeliveries(lines: Iterable[MadeUpLine], event_type: str, today: date) -> Rows:
    """Return dt, lines, events, duplicates, duplicate_rate, redelivered, redelivered_rate."""
    by_day: defaultdict[str, list[MadeUpLine]] = defaultdict(list)
    for line in lines:
        if line.event.event_type == event_type and line.dt >= _first_day(today):
            by_day[line.dt].append(line)
    rows = []
    for dt, of_day in sorted(by_day.items()):
        count, events = len(of_day), len({line.event.event_id for line in of_day})
        again = sum(line.redelivered for line in of_day)
        rows.append(
            (dt, count, events, count - events, (count - events) / count, again, again / count)
        )
    return rows


def lags_to_archive(
    events: Iterable[ArchivedEvent], event_type: str, today: date
) -> dict[str, list[float]]:
    """Return the seconds from each dated event of 30 days to its arrival, sorted, by day."""
    lags: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        time, line = event.event.time, event.line
        if event.event.event_type == event_type and time and line.dt >= _first_day(today):
            lags[line.dt].append((line.received_at - time // 1_000_000) / 1000)
    return {dt: sorted(lags[dt]) for dt in sorted(lags)}


def _in_order(
    events: Iterable[ArchivedEvent], since: date | None = None
) -> list[tuple[ArchivedEvent, HandsetChange]]:
    """Return the handset changes by truncated event time, then by id."""
    first = "" if since is None else _first_day(since)

    def changes() -> Iterator[tuple[ArchivedEvent, HandsetChange]]:
        for event in events:
            if event.event.change is not None and event.line.dt >= first:
                yield event, event.event.change

    def place(change: tuple[ArchivedEvent, HandsetChange]) -> tuple[bool, int, str]:
        event = change[0].event
        return event.time is None, (event.time or 0) // 1_000_000, event.event_id

    return sorted(changes(), key=place)


def _first_day(today: date) -> str:
    return (today - timedelta(days=30)).isoformat()
