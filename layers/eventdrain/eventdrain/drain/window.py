"""The window of a run: its deadlines for reading and committing, and why a drain ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import timedelta

REPORTING_SECONDS: Final = 1.0
"""The part of a run's remaining time that is reserved for writing the log and metrics."""


class EndReason(StrEnum):
    """Why a drain ended."""

    LIMIT = "limit"
    """The maximum number of events was committed."""
    IDLE = "idle"
    """The event API responded, sent nothing for a while, and everything was committed."""
    WINDOW = "window"
    """The time for reading is over."""
    WAITING = "waiting"
    """The stack is less than a day old, and nobody has put in the credentials yet."""
    FAILED = "failed"
    """An error occurred that retrying cannot fix."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time limits of one run, in seconds of the drain's clock.

    Attributes:
        read_until: The deadline for taking deliveries.
        commit_until: The deadline for writes and acks.
    """

    read_until: float
    commit_until: float

    @classmethod
    def opening(
        cls, now: float, *, length: timedelta, remaining: timedelta, reserve: timedelta
    ) -> Window:
        """Return a window that opens now.

        Args:
            now: The clock's time.
            length: The maximum time for reading.
            remaining: How long the process may still run, such as the rest of a Lambda invocation.
            reserve: The part of ``remaining`` that is kept for the last commit.

        Returns:
            A window whose reading ends after ``length``, but no later than ``reserve`` before the
            end of ``remaining``. Committing ends ``reserve`` later, within ``remaining``.
        """
        spare = max(0.0, (remaining - reserve).total_seconds())
        last_moment = now + max(0.0, remaining.total_seconds() - REPORTING_SECONDS)
        read_until = min(now + min(length.total_seconds(), spare), last_moment)
        return cls(
            read_until=read_until,
            commit_until=min(read_until + reserve.total_seconds(), last_moment),
        )
