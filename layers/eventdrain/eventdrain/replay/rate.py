"""The rate limit of a replay."""

from __future__ import annotations


class RateLimit:
    """Limits events per second. A pause is not followed by a burst.

    Args:
        per_second: Events per second; 0 for no limit.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._free_at = float("-inf")

    def wait_seconds(self, count: int, now: float) -> float:
        """Schedule events; return how many seconds to wait before sending them.

        Args:
            count: The number of events.
            now: The time in seconds, always of the same clock.
        """
        if not self.per_second:
            return 0.0
        start = max(now, self._free_at)
        self._free_at = start + count / self.per_second
        return start - now
