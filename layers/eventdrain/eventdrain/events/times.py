"""Formatting of event times: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_FIRST_SECOND: Final = -62135596800
"""0001-01-01T00:00:00Z, the start of the documented range of ``google.protobuf.Timestamp``."""
_LAST_SECOND: Final = 253402300799
"""9999-12-31T23:59:59Z, the end of that range."""
_NANOS: Final = 1_000_000_000


def rfc3339(seconds: int, nanos: int) -> str | None:
    """Format a protobuf timestamp as RFC 3339 in UTC.

    As in protobuf's JSON mapping, the seconds have zero, three, six or nine decimals, as few as the
    value allows.

    Returns:
        The text; None if the timestamp is outside the range of ``google.protobuf.Timestamp``.
    """
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < _NANOS):
        return None
    whole = _whole_second(seconds)
    if nanos == 0:
        return f"{whole}Z"
    fraction = f"{nanos:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{whole}.{fraction}Z"


@lru_cache(maxsize=64)  # events arrive roughly in the order of their times
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def milliseconds(time: datetime) -> str:
    """Format a UTC time as RFC 3339 with three decimals."""
    return f"{time.isoformat(timespec='milliseconds')[:-6]}Z"


def age_seconds(event_time: str, received_at: datetime) -> float:
    """Return an event's age on arrival, in seconds.

    Args:
        event_time: The event's time as in its line.
        received_at: The arrival time, UTC.
    """
    happened = datetime.fromisoformat(event_time[:19]).replace(tzinfo=UTC)
    return (received_at - happened).total_seconds()
