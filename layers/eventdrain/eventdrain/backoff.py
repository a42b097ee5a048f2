"""Waits between attempts: growing, and jittered so that nothing retries in lock-step."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


class Backoff:
    """The waits of one series of attempts.

    The n-th wait is drawn evenly from between once and one and a half times ``first`` doubled n
    times, where the doubling stops at ``longest``.

    Args:
        first: How long the first wait is at the least.
        longest: How long no wait need be: half more is the most.
        draw: Gives numbers in [0, 1); for tests.
    """

    def __init__(
        self,
        *,
        first: timedelta,
        longest: timedelta,
        # Spreading attempts needs no secrecy.
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._first = first.total_seconds()
        self._longest = longest.total_seconds()
        self._draw = draw
        self._next = self._first

    def wait_seconds(self) -> float:
        """Give the next wait, in seconds."""
        wait, self._next = self._next, min(self._next * 2, self._longest)
        return wait * (1 + self._draw() / 2)

    def reset(self) -> None:
        """Start the series over, after a success."""
        self._next = self._first
