"""The window of a run: how long it may read, until when it may commit, and why it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import timedelta

REPORTING_SECONDS: Final = 1.0
"""Kept back from a run's remaining time for what comes after the last commit: log and metrics."""


class EndReason(StrEnum):
    """Why a drain ended."""

    LIMIT = "limit"
    """As many events as allowed are committed."""
    IDLE = "idle"
    """The event API had answered, nothing came for a while, and nothing was left uncommitted."""
    WINDOW = "window"
    """The time for reading is over."""
    FAILED = "failed"
    """An error that trying again won't hint."""


@dataclass(frozen=True, slots=True)
class Window:
    """The bounded time of one run. Times are seconds of the clock that the drain runs by.

    Attributes:
        read_until: No delivery is taken from this moment on.
        commit_until: Nothing is written or acked from this moment on.
    """

    read_until: float
    commit_until: float

    @classmethod
    def opening(
        cls, now: float, *, length: timedelta, remaining: timedelta, reserve: timedelta
    ) -> Window:
        """Open a window.

        Args:
            now: The clock's time.
            length: How long to read at the most.
            remaining: How long the process may still live, e.g. what is left of a Lambda
                invocation.
            reserve: How much of that to keep for the last commit.

        Returns:
            A window that ends reading after ``length``, or earlier where ``remaining`` less
            ``reserve`` is less; and committing ``reserve`` later, within ``remaining``.
        """
        spare = max(0.0, (remaining - reserve).total_seconds())
        last_moment = now + max(0.0, remaining.total_seconds() - REPORTING_SECONDS)
        read_until = min(now + min(length.total_seconds(), spare), last_moment)
        return cls(
            read_until=read_until,
            commit_until=min(read_until + reserve.total_seconds(), last_moment),
        )
