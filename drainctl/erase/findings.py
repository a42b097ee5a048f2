"""What was found and, unless it was a dry run, deleted: counts, and what could not be looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Findings:
    """Counts of one run. Several threads may add to it.

    Attributes:
        counts: By what is counted; see ``WHAT``.
        days: The days that had something of theirs, by stream.
        unchecked: Keys of objects that could not be read, each with the reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    days: dict[str, set[str]] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, **counts: int) -> None:
        """Count."""
        with self._lock:
            self.counts.update(counts)

    def note_day(self, event_type: str, day: str) -> None:
        """Note that a day of a stream had something."""
        with self._lock:
            self.days.setdefault(event_type, set()).add(day)

    def leave_unchecked(self, key: str, reason: str) -> None:
        """Note an object that nothing can be said of."""
        with self._lock:
            self.unchecked[key] = reason

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing of theirs."""
        return not any(self.counts[name] for name in THEIRS)

    def as_json(self) -> Mapping[str, Any]:
        """Give it for the receipt."""
        return {
            "counts": {name: self.counts[name] for name in WHAT},
            "days": {stream: sorted(days) for stream, days in sorted(self.days.items())},
            "unchecked": self.unchecked,
        }


THEIRS = {
    "lines": "lines of theirs",
    "records": "records of theirs in quarantine",
    "rows": "rows of theirs in the table",
}
"""What is theirs."""
WHAT = {
    "objects_read": "versions of objects read",
    **THEIRS,
    "objects_rewritten": "objects rewritten without them",
    "objects_deleted": "objects that held nothing else",
    "old_versions": "old versions that held theirs",
    "others_in_old_versions": "events of others in those, deleted before",
    "days_rewritten": "days of the table rewritten",
    "table_files": "files of the table that nobody reads, or no longer",
}
"""All that is counted, and what it is called."""
