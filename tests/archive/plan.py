"""What kind of archive to make: how much, of which streams, on which days, how untidy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

_SHARES: Final = {
    "handset_change": 70,
    "country_change": 8,
    "first_attachment": 5,
    "periodic_country": 12,
    "consent_change": 5,
}
"""How the events spread over the streams, in percent."""
_BY_WEEKDAY: Final = (100, 98, 99, 101, 110, 90, 75)
"""How busy a day is, Monday first."""
_WITH_EMPTY_DAY: Final = "country_change"
_WITH_SINGLE_LINE_DAY: Final = "first_attachment"
_LEAST_DAYS_FOR_ODD_ONES: Final = 3
_MINUTES_OF_A_DAY: Final = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """What kind of archive to make. Equal plans make equal archives, byte for byte.

    Attributes:
        last_day: The last day of the archive, UTC; nothing in it arrived later.
        events: How many different events, of all streams together.
        days: Of how many days.
        seed: Chooses one of the archives that there are of this kind.
        streams: The event types in it.
        slice_minutes: What arrives further apart never shares an object; up to a day, which it must
            divide.
        lines_per_object: How many lines an object has at the most.
        duplicates: How many lines are copies of another one, as a part of the events.
        redeliveries: Which part of the events is marked as sent before in its only line.
        late: Which part of the events arrives an hour to three days after it happened.
        without_number: Streams whose events never tell a number.

    Raises:
        ValueError: There is no such archive.
    """

    last_day: date
    events: int = 1_000_000
    days: int = 30
    seed: int = 1
    streams: tuple[str, ...] = tuple(STREAMS)
    slice_minutes: int = 10
    lines_per_object: int = 100
    duplicates: float = 0.01
    redeliveries: float = 0.02
    late: float = 0.005
    without_number: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in (*self.streams, *self.without_number):
            if name not in STREAMS:
                raise ValueError(f"there is no stream {name!r}, only {', '.join(STREAMS)}")
        if not self.streams or len(set(self.streams)) < len(self.streams):
            raise ValueError("there must be streams, each once")
        for name in ("days", "slice_minutes", "lines_per_object"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more")
        if self.events < 0:
            raise ValueError("events must be 0 or more")
        if _MINUTES_OF_A_DAY % self.slice_minutes:
            raise ValueError("slice_minutes must divide the 1440 of a day")
        for name in ("duplicates", "redeliveries", "late"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1")

    @property
    def first_day(self) -> date:
        """The first day that events may be of."""
        return self.last_day - timedelta(days=self.days - 1)

    @property
    def odd_day(self) -> date | None:
        """A day in the middle on which two streams are odd; None if there are too few days.

        ``country_change`` has nothing of that day, ``first_attachment`` one object with one line.
        """
        if self.days < _LEAST_DAYS_FOR_ODD_ONES:
            return None
        return self.first_day + timedelta(days=self.days // 2)

    def empty_day(self, event_type: str) -> date | None:
        """Give the day of which a stream has nothing; None if there is no such day."""
        return self.odd_day if event_type == _WITH_EMPTY_DAY else None

    def single_line_day(self, event_type: str) -> date | None:
        """Give the day of which a stream has one object with one line; None likewise."""
        return self.odd_day if event_type == _WITH_SINGLE_LINE_DAY else None

    def counts(self, event_type: str) -> list[int]:
        """Give how many events a stream has of each day, the first day first."""
        shares = [_SHARES[name] for name in self.streams]
        total = _apportioned(self.events, shares)[self.streams.index(event_type)]
        days = [self.first_day + timedelta(days=index) for index in range(self.days)]
        busyness = [_BY_WEEKDAY[day.weekday()] for day in days]
        single_day = self.single_line_day(event_type)
        for odd in (self.empty_day(event_type), single_day):
            if odd is not None:
                busyness[days.index(odd)] = 0
        if single_day is None or total == 0:
            return _apportioned(total, busyness)
        counts = _apportioned(total - 1, busyness)
        counts[days.index(single_day)] = 1
        return counts


def _apportioned(total: int, weights: Sequence[int]) -> list[int]:
    """Share a whole number out by weights, the remainder to the largest fractions."""
    everything = sum(weights)
    counts = [total * weight // everything for weight in weights]
    by_fraction = sorted(
        range(len(weights)), key=lambda index: -(total * weights[index] % everything)
    )
    for index in by_fraction[: total - sum(counts)]:
        counts[index] += 1
    return counts
