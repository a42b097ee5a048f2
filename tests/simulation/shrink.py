"""Shrinking: finds a smaller schedule that breaks the same promise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from tests.simulation.schedule import Options
from tests.simulation.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.schedule import Schedule


def shrink(schedule: Schedule) -> Schedule:
    """Return the smallest schedule that was found to break the same promise, within ``virtual``."""
    broken = _promise(schedule)
    while smaller := next((s for s in _smaller(schedule) if _promise(s) == broken), None):
        schedule = smaller
    return schedule


def _promise(schedule: Schedule) -> str:
    """Return the kind of a schedule's first violation; empty if there is none."""
    violations = simulate(schedule).violations
    return re.sub(r"\d+", "N", violations[0].partition(": {")[0]) if violations else ""


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Yield schedules with less in them, and then those with more that is usual."""
    for name in ("faults", "events"):
        parts = getattr(schedule, name)
        size = len(parts)
        while size:
            for begin in range(0, len(parts), size):
                yield replace(schedule, **{name: (*parts[:begin], *parts[begin + size :])})
            size //= 2
    if schedule.ends_at > schedule.tick_seconds + 5:
        ends_at = schedule.ends_at - schedule.tick_seconds
        faults = tuple(fault for fault in schedule.faults if fault.at < ends_at)
        yield replace(schedule, ends_at=ends_at, faults=faults)
    for name, value in (("credentials", "none"), ("replay", None), ("retries", 0)):
        if getattr(schedule, name) != value:
            yield replace(schedule, **{name: value})
    for name, value in asdict(Options()).items():
        if getattr(schedule.options, name) != value:
            yield replace(schedule, options=replace(schedule.options, **{name: value}))
    certain = tuple(replace(fault, probability=1.0) for fault in schedule.faults)
    if certain != schedule.faults:
        yield replace(schedule, faults=certain)
