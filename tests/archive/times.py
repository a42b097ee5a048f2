"""Times as whole numbers since 1970 (UTC), and as the archive and the queries show them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

DAY: Final = 86_400_000
"""Milliseconds of a day."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK: Final = [
    f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in range(86_400)
]


def start_of(day: date) -> int:
    """Give the millisecond with which a day begins."""
    return (day - _EPOCH.date()).days * DAY


def day_of(milliseconds: int) -> str:
    """Give the day of a time as ``YYYY-MM-DD``."""
    return _day_text(milliseconds // DAY)


def event_time_text(nanoseconds: int) -> str:
    """Write an event's time as a line has it: with no, three, six or nine digits of a second."""
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    whole = f"{_day_text(seconds // 86_400)}T{_CLOCK[seconds % 86_400]}"
    if nanos == 0:
        return f"{whole}Z"
    if nanos % 1_000_000 == 0:
        return f"{whole}.{nanos // 1_000_000:03d}Z"
    if nanos % 1_000 == 0:
        return f"{whole}.{nanos // 1_000:06d}Z"
    return f"{whole}.{nanos:09d}Z"


def arrival_text(milliseconds: int) -> str:
    """Write the time of an arrival as a line has it: always with three digits of a second."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_day_text(seconds // 86_400)}T{_CLOCK[seconds % 86_400]}.{rest:03d}Z"


def arrival(milliseconds: int) -> datetime:
    """Give the time of an arrival as the engine's clock does."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def timestamp(milliseconds: int) -> datetime:
    """Give a time as a query does: UTC, but without saying so."""
    return arrival(milliseconds).replace(tzinfo=None)


@cache
def _day_text(day: int) -> str:
    return (_EPOCH.date() + timedelta(days=day)).isoformat()
