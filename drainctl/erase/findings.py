"""The counts of one erasure, and the values that all its passes share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from drainctl.errors import CommandError
from drainctl.output import table
from eventdrain.adapters.boto import describe_error, error_hint

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rich.table import Table

    from drainctl.erase.bucket import Bucket

RUNS: Final = "erase-"
"""The prefix of the names of runs, and so of the folders that they write."""
FINAL: Final = "earlier deletions remain in effect"
"""Ends the reason of an error that may come after some deletions."""
_THEIRS: Final = {
    "lines": "lines of the subscriber",
    "records": "records of the subscriber in quarantine",
    "rows": "rows of the subscriber in the tables",
}
COUNTED: Final = {
    "objects_read": "versions of objects read",
    **_THEIRS,
    "objects_rewritten": "objects rewritten without the subscriber's events",
    "objects_deleted": "objects that held nothing else",
    "old_versions": "old versions that held the subscriber's events",
    "others_in_old_versions": "events of others in those, already deleted before",
    "days_rewritten": "days of the tables rewritten",
    "table_files": "files of the tables that no registered day reads",
}
"""The counts' names in the receipt, and their meanings."""


class ErasureError(CommandError):
    """An erasure failed. Earlier deletions remain in effect."""


def call_error(
    error: Exception, action: str, hint: str = "check that you have this permission"
) -> CommandError:
    """Return the error for a failed AWS call.

    Args:
        error: The error that botocore raised.
        action: The IAM action and its resource.
        hint: The default hint; some causes have their own.
    """
    return ErasureError(
        f"{action} failed with {describe_error(error)}; {FINAL}",
        error_hint(error, hint),
    )


@dataclass(slots=True)
class Findings:
    """The counts of one run. Several threads may add to it.

    Attributes:
        counts: The counts by name; see ``COUNTED``.
        days: The days with events of the subscriber, by event type.
        unchecked: Keys that could not be checked, each with the reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    days: dict[str, set[str]] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, **counts: int) -> None:
        """Increase counts."""
        with self._lock:
            self.counts.update(counts)

    def note_day(self, event_type: str, day: str) -> None:
        """Record a day on which a stream has events of the subscriber."""
        with self._lock:
            self.days.setdefault(event_type, set()).add(day)

    def note_unchecked(self, key: str, reason: str) -> None:
        """Record a key that could not be checked."""
        with self._lock:
            self.unchecked[key] = reason

    @property
    def is_empty(self) -> bool:
        """Whether no event of the subscriber was found."""
        return not any(self.counts[name] for name in _THEIRS)

    def as_json(self) -> dict[str, Any]:
        """Return the findings for the receipt."""
        return {
            "counts": {name: self.counts[name] for name in COUNTED},
            "days": {stream: sorted(days) for stream, days in sorted(self.days.items())},
            "unchecked": self.unchecked,
        }

    def as_table(self, *, is_dry_run: bool) -> Table:
        """Return the findings as a table, without personal data."""
        title = "It would delete" if is_dry_run else "Deleted"
        shown = table(title, "", "", show_header=False)
        for name, meaning in COUNTED.items():
            shown.add_row(meaning, f"{self.counts[name]:,}")
        days = sum(map(len, self.days.values()))
        shown.add_row("days of a stream with events of the subscriber", f"{days:,}")
        return shown


@dataclass(frozen=True, slots=True)
class Run:
    """The values that all passes of one run share.

    Attributes:
        bucket: The archive's bucket.
        findings: The counts, which each pass adds to.
        is_dry_run: Whether to count only.
        started: When the run started, UTC.
        is_stopped: Returns whether the run must end as soon as possible.
    """

    bucket: Bucket
    findings: Findings
    is_dry_run: bool
    started: datetime
    is_stopped: Callable[[], bool] = lambda: False

    @property
    def name(self) -> str:
        """The run's unique name."""
        return f"{RUNS}{self.started:%Y%m%dT%H%M%S%fZ}"
