"""The report of a replay: what it read, what it sent or would send, and why it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class ReplayEnd(StrEnum):
    """Why a replay ended."""

    DONE = "done"
    """Everything that was selected has been sent, or counted."""
    WINDOW = "window"
    """The time is over; another run can go on."""
    STOPPED = "stopped"
    """Somebody asked for it; another run can go on."""
    FAILED = "failed"
    """An error that trying again did not hint."""


@dataclass(slots=True)
class ReplayReport:
    """What one run of a replay did. Nothing in it is personal data.

    Once it is done, ``lines == unreadable + left_out + duplicates + events``.

    Attributes:
        replay: The replay's name.
        is_dry_run: Whether it only counted.
        end_reason: Why it ended.
        error: What is wrong and what to do, where it failed.
        objects: Objects that were read through.
        bytes_read: Their size as they are stored.
        lines: Lines in them. What an earlier run was done with doesn't count.
        unreadable: Lines, and objects as one each, that can't be read, or are gone.
        left_out: Lines of events that were not selected.
        duplicates: Further lines of events that were sent before.
        events: Events that were sent; in a dry run, that would be.
        messages: What a dry run counts: their messages,
        message_bytes: the size of these as SQS counts it,
        requests: the requests that send them if each is taken at once,
        billed_requests: and as how many AWS bills these, one for each 64 KiB.
        run_seconds: From its start to its end.
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
        """Whether nothing is left to go on with."""
        return self.end_reason is ReplayEnd.DONE

    def as_json(self) -> dict[str, Any]:
        """Give the report as a JSON object, for the log and for the caller."""
        return {
            **asdict(self),
            "end_reason": self.end_reason.value,
            "run_seconds": round(self.run_seconds, 3),
        }
