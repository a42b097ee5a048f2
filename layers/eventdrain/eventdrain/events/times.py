"""Times of events, as lines have them: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_FIRST_SECOND: Final = -62135596800
"""0001-01-01T00:00:00Z: the range of ``google.protobuf.Timestamp``, by its documentation."""
_LAST_SECOND: Final = 253402300799
"""9999-12-31T23:59:59Z."""
_NANOS: Final = 1_000_000_000


def rfc3339(seconds: int, nanos: int) -> str | None:
    """Format a protobuf timestamp as RFC 3339 in UTC.

    As in protobuf's JSON mapping, the second has no, three, six or nine decimals: as many as the
    value needs.

    Returns:
        The text; None if the timestamp is out of the range of ``google.protobuf.Timestamp``.
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


@lru_cache(maxsize=64)  # events come more or less in the order of their times
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def milliseconds(time: datetime) -> str:
    """Format a UTC time as RFC 3339 with three decimals."""
    return f"{time.isoformat(timespec='milliseconds')[:-6]}Z"


def age_seconds(event_time: str, received_at: datetime) -> float:
    """Compute an event's age on arrival, from its time as the line has it."""
    happened = datetime.fromisoformat(event_time[:19]).replace(tzinfo=UTC)
    return (received_at - happened).total_seconds()
