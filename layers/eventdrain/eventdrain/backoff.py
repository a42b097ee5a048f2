"""Exponential backoff with jitter, so that retries of concurrent callers spread out."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


class Backoff:
    """The waits between the attempts of one series.

    Each wait is twice as long as the one before, up to ``longest``. Jitter then adds up to 50 %.

    Args:
        first: The first wait before jitter.
        longest: The upper bound before jitter.
        draw: Returns random numbers in [0, 1); for tests.
    """

    def __init__(
        self,
        *,
        first: timedelta,
        longest: timedelta,
        # Jitter needs no cryptographic randomness.
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._first = first.total_seconds()
        self._longest = longest.total_seconds()
        self._draw = draw
        self._next = self._first

    def wait_seconds(self) -> float:
        """Return the next wait, in seconds."""
        wait, self._next = self._next, min(self._next * 2, self._longest)
        return wait * (1 + self._draw() / 2)

    def reset(self) -> None:
        """Start a new series, after a success."""
        self._next = self._first
