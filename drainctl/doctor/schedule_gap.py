"""The longest time between two starts of a schedule."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_RATE: Final = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)")
_EVERY_HOUR: Final = re.compile(r"cron\(\s*(\S+)\s+\*\s+[*?]\s+\*\s+[*?]\s+\*\s*\)")
_MINUTES: Final = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_HOUR: Final = 60


def longest_gap(expression: str) -> timedelta | None:
    """Return the longest time between two starts by an EventBridge Scheduler expression.

    Returns None if it is unknown: the expression has hours without a start, or is invalid.
    """
    if rate := _RATE.fullmatch(expression):
        return timedelta(**{f"{rate[2]}s": int(rate[1])})
    cron = _EVERY_HOUR.fullmatch(expression)
    minutes = sorted(_minutes(cron[1])) if cron else []
    if not minutes:
        return None
    following = [*minutes[1:], minutes[0] + _HOUR]
    return timedelta(minutes=max(b - a for a, b in zip(minutes, following, strict=True)))


def _minutes(text: str) -> set[int]:
    """Return the minutes that a field of a cron expression selects; empty if not recognised."""
    minutes: set[int] = set()
    for part in text.split(","):
        found = _MINUTES.fullmatch(part)
        if found is None or found[3] == "0":
            return set()
        first = int(found[1] or 0)
        has_end = found[1] is None or found[2] is not None or found[3] is not None
        last = int(found[2] or _HOUR - 1) if has_end else first
        minutes.update(range(first, min(last, _HOUR - 1) + 1, int(found[3] or 1)))
    return minutes
