"""The report of a replay: what it read, what it sent, and why it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class ReplayEnd(StrEnum):
    """Why a replay ended."""

    DONE = "done"
    """All selected events were sent, or counted in a dry run."""
    WINDOW = "window"
    """The time is over; another run can continue."""
    STOPPED = "stopped"
    """A stop was requested; another run can continue."""
    FAILED = "failed"
    """An error occurred that retrying did not fix."""


@dataclass(slots=True)
class ReplayReport:
    """The report of one run of a replay. It holds no personal data.

    At the end of a complete replay, ``lines == unreadable + left_out + duplicates + events`` if no
    object was unreadable as a whole.

    Attributes:
        replay: The replay's name.
        is_dry_run: Whether the run counted events without sending them.
        end_reason: Why the run ended.
        error: What failed, why, and how to fix it, if the run failed.
        objects: Objects read to their end.
        bytes_read: The objects' total size as stored.
        lines: Lines read, without those that an earlier run has done.
        unreadable: Lines and objects that cannot be read or no longer exist. An object counts as 1.
        left_out: Lines of events that are not selected.
        duplicates: Further lines of events that were already sent.
        events: Events sent; in a dry run, events that would be sent.
        messages: Dry run only: messages that would be sent.
        message_bytes: Dry run only: the messages' total size, as SQS counts it.
        requests: Dry run only: requests that would send the messages, without retries.
        billed_requests: Dry run only: requests that AWS would bill, one per 64 KiB.
        run_seconds: The duration of the run, including the survey.
    """

    replay: str
    is_dry_run: bool
    end_reason: ReplayEnd = ReplayEnd.FAILED
    error: str | None = None
    objects: int = 0
    bytes_read: int = 0
    lines: int = 0
    unreadable: int = 0
    left_out: int = 0
    duplicates: int = 0
    events: int = 0
    messages: int = 0
    message_bytes: int = 0
    requests: int = 0
    billed_requests: int = 0
    run_seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether the replay is complete."""
        return self.end_reason is ReplayEnd.DONE

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object, for the log and the caller."""
        return {
            **asdict(self),
            "end_reason": self.end_reason.value,
            "run_seconds": round(self.run_seconds, 3),
        }
