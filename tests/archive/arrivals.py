"""When an event happened, when it arrived, and how often: the lines of a stream, day by day."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Protocol

from eventdrain.events import event_id
from tests.archive.facts import MadeUpEvent, MadeUpLine
from tests.archive.handset_changes import HandsetChanges
from tests.archive.other_events import (
    ConsentChanges,
    CountryChanges,
    FirstAttachments,
    PeriodicCountries,
)
from tests.archive.payloads import serialised
from tests.archive.subscribers import subscribers
from tests.archive.times import DAY, start_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.archive.facts import Payload
    from tests.archive.plan import ArchivePlan
    from tests.archive.subscribers import Subscriber

_HOUR: Final = 3_600_000
_BY_HOUR: Final = list(
    accumulate(
        (3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 11, 10, 10, 10, 11, 12, 12, 11, 9, 8, 6, 4),
    )
)
"""How busy the hours of a day are, summed up."""
_MICROSECONDS: Final = 0.05
_NANOSECONDS: Final = 0.05
"""Which parts of the event times are more precise than milliseconds."""
_FASTEST_ARRIVAL: Final = 200
_MEAN_ARRIVAL: Final = 45_000
_ACK_TIMEOUT: Final = 60_000
_MEAN_REDELIVERY: Final = 1_200_000
_LATEST_ARRIVAL: Final = 3 * DAY
_DIED_RUN: Final = 0.15
"""Which part of the copies is not marked as sent before."""
_THIRD_COPY: Final = 0.2
_TIED: Final = 0.05
"""Which part of the duplicates arrives twice in the same millisecond."""
_UNDATED: Final = frozenset({"handset_change", "consent_change"})
"""Streams with an event without a time on each day."""
_LEAST_FOR_ODD_ONES: Final = 10


class _Happenings(Protocol):
    def day(self, count: int, /) -> Iterator[tuple[Subscriber, Payload]]: ...


_HAPPENINGS: Final[dict[str, Callable[[Sequence[Subscriber], random.Random], _Happenings]]] = {
    "handset_change": HandsetChanges,
    "country_change": CountryChanges,
    "first_attachment": FirstAttachments,
    "periodic_country": PeriodicCountries,
    "consent_change": ConsentChanges,
}


def arrivals(plan: ArchivePlan, event_type: str) -> Iterator[list[MadeUpLine]]:
    """Give the lines of a stream in the order of their arrival, those of one day at a time.

    Holds no more than the lines of a day and those that are late.
    """
    chance = random.Random(f"{plan.seed} {event_type}")  # noqa: S311 - test data, not secrets
    happenings = _HAPPENINGS[event_type](subscribers(plan, event_type), chance)
    end = start_of(plan.last_day) + DAY
    start = start_of(plan.first_day)
    deliveries = _Deliveries(plan, chance, end)
    waiting: dict[int, list[MadeUpLine]] = {day: [] for day in range(start, end, DAY)}
    for day, count in zip(range(start, end, DAY), plan.counts(event_type), strict=True):
        for happened, event in _events(event_type, happenings, chance, day, count):
            for line in deliveries.of(event, happened):
                waiting[line.received_at // DAY * DAY].append(line)
        yield sorted(waiting.pop(day), key=lambda line: line.received_at)


def _events(
    event_type: str, happenings: _Happenings, chance: random.Random, day: int, count: int
) -> Iterator[tuple[int, MadeUpEvent]]:
    """Make up the events of a day in their order, each with the millisecond in which it happened.

    On a day that has some, one event has no subscription id, and of some streams one has no time.
    """
    hours = chance.choices(range(len(_BY_HOUR)), cum_weights=_BY_HOUR, k=count)
    times = sorted(day + hour * _HOUR + int(chance.random() * _HOUR) for hour in hours)
    nobodys = undated = -1
    if count >= _LEAST_FOR_ODD_ONES:
        nobodys = chance.randrange(count)
        undated = chance.randrange(count) if event_type in _UNDATED else -1
    for index, (subscriber, payload) in enumerate(happenings.day(count)):
        time = None if index == undated else times[index] * 1_000_000 + _beyond(chance)
        subscription_id = None if index == nobodys else subscriber.subscription_id
        identity = event_id(
            event_type,
            None if time is None else divmod(time, 1_000_000_000),
            subscription_id,
            serialised(payload),
        )
        event = MadeUpEvent(event_type, identity, time, subscription_id, payload)
        yield times[index], event


def _beyond(chance: random.Random) -> int:
    """Give the nanoseconds that an event's time has beyond its millisecond: mostly none."""
    precision = chance.random()
    if precision < _MICROSECONDS:
        return chance.randrange(1000) * 1000
    if precision < _MICROSECONDS + _NANOSECONDS:
        return chance.randrange(1_000_000)
    return 0


class _Deliveries:
    """How events arrive: soon or late, once or more often; never after the archive's end."""

    def __init__(self, plan: ArchivePlan, chance: random.Random, end: int) -> None:
        self._chance = chance
        self._last = end - 1
        self._late = plan.late
        self._redeliveries = plan.redeliveries
        self._repeated = plan.duplicates / (1 + _THIRD_COPY)

    def of(self, event: MadeUpEvent, happened: int) -> Iterator[MadeUpLine]:
        """Give the lines of an event, the first received first."""
        chance = self._chance
        if chance.random() < self._late:
            lag = chance.randrange(_HOUR, _LATEST_ARRIVAL)
        else:
            lag = _FASTEST_ARRIVAL + int(chance.expovariate(1 / _MEAN_ARRIVAL))
        # An event without a time has the day of its arrival: a copy could lie in another one.
        is_repeated = event.time is not None and chance.random() < self._repeated
        if not is_repeated:
            redelivered = chance.random() < self._redeliveries
            received_at = happened + lag + (_ACK_TIMEOUT if redelivered else 0)
            yield MadeUpLine(event, min(received_at, self._last), redelivered)
            return
        received_at = min(happened + lag, self._last)
        if chance.random() < _TIED:  # two pullers, and the copy that was sent again comes first
            yield MadeUpLine(event, received_at, redelivered=True)
            yield MadeUpLine(event, received_at, redelivered=False)
            return
        yield MadeUpLine(event, received_at, redelivered=False)
        for _ in range(2 if chance.random() < _THIRD_COPY else 1):
            received_at += _ACK_TIMEOUT + int(chance.expovariate(1 / _MEAN_REDELIVERY))
            if received_at <= self._last:
                yield MadeUpLine(event, received_at, chance.random() >= _DIED_RUN)
