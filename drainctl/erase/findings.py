"""What a run has found and, unless it is a dry run, deleted; and what all passes of a run share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from drainctl.errors import CommandError
from drainctl.output import table
from eventdrain.adapters.aws import describe_error, error_hint

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rich.table import Table

    from drainctl.erase.bucket import Bucket

RUNS: Final = "erase-"
"""What the names of runs begin with, and so the folders that they write."""
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
    "table_files": "files of the tables that nothing reads, or reads any longer",
}
"""What is counted: the names in the receipt, and what they mean."""


class ErasureError(CommandError):
    """Something could not be done. What was deleted before stays deleted."""


def call_error(
    error: Exception, action: str, hint: str = "check that you may do that"
) -> CommandError:
    """Return the error for a call of AWS that failed.

    Args:
        error: What botocore raised.
        action: The IAM action, and what it was about.
        hint: What to do, unless the error has a cause with a remedy of its own.
    """
    return ErasureError(
        f"{action} failed with {describe_error(error)}; what was deleted before stays deleted",
        error_hint(error, hint),
    )


@dataclass(slots=True)
class Findings:
    """The counts of one run. Several threads may add to it.

    Attributes:
        counts: By name; see ``COUNTED``.
        days: The days with events of the subscriber, by stream.
        unchecked: Keys that could not be checked, each with the reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    days: dict[str, set[str]] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, **counts: int) -> None:
        """Add to the counts."""
        with self._lock:
            self.counts.update(counts)

    def note_day(self, event_type: str, day: str) -> None:
        """Note a day of a stream with events of the subscriber."""
        with self._lock:
            self.days.setdefault(event_type, set()).add(day)

    def note_unchecked(self, key: str, reason: str) -> None:
        """Note a key that could not be checked."""
        with self._lock:
            self.unchecked[key] = reason

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the subscriber was found."""
        return not any(self.counts[name] for name in _THEIRS)

    def as_json(self) -> dict[str, Any]:
        """Return it for the receipt."""
        return {
            "counts": {name: self.counts[name] for name in COUNTED},
            "days": {stream: sorted(days) for stream, days in sorted(self.days.items())},
            "unchecked": self.unchecked,
        }

    def as_table(self, *, is_dry_run: bool) -> Table:
        """Return it as a table, which names nobody."""
        title = "It would delete" if is_dry_run else "Deleted"
        shown = table(title, "", "", show_header=False)
        for name, meaning in COUNTED.items():
            shown.add_row(meaning, f"{self.counts[name]:,}")
        days = sum(map(len, self.days.values()))
        shown.add_row("days of a stream with events of the subscriber", f"{days:,}")
        return shown


@dataclass(frozen=True, slots=True)
class Run:
    """What all passes of one run share.

    Attributes:
        bucket: The archive's bucket.
        findings: Each pass adds to them.
        is_dry_run: Whether to count only.
        started: When the run started, UTC.
        is_stopped: Returns whether to begin nothing more.
    """

    bucket: Bucket
    findings: Findings
    is_dry_run: bool
    started: datetime
    is_stopped: Callable[[], bool] = lambda: False

    @property
    def name(self) -> str:
        """A name that no other run has."""
        return f"{RUNS}{self.started:%Y%m%dT%H%M%S%fZ}"
