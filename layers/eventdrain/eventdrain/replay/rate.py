"""The rate of a replay: how long to wait before the next events are sent."""

from __future__ import annotations


class RateLimit:
    """A token bucket that holds what one call takes: no pause is made up for by a burst.

    Args:
        per_second: How many events a second; 0 for no limit.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._free_at = float("-inf")

    def wait_seconds(self, count: int, now: float) -> float:
        """Take the place of some events, and tell how long they must wait for it.

        Args:
            count: How many.
            now: A clock's time in seconds, the same clock each time.
        """
        if not self.per_second:
            return 0.0
        start = max(now, self._free_at)
        self._free_at = start + count / self.per_second
        return start - now
