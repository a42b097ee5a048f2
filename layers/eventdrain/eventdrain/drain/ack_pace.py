"""Throttling of acks after the event server has rejected some as too many."""

from __future__ import annotations

from typing import Final

TICK_SECONDS: Final = 0.2
"""The length of the interval that a budget of acks applies to."""


class AckPace:
    """Limits the rate of acks in one run, across all batches.

    There is no limit until the server throttles an ack. From then on, each tick has a budget. If
    acks were throttled in a tick, the next budget is the number of acks that the server confirmed.
    Otherwise the budget grows by an eighth, so that the pace recovers within seconds after the
    server lifts its limit.
    """

    def __init__(self) -> None:
        self._budget: int | None = None
        self._tick_ends = 0.0
        self._granted = 0
        self._confirmed = 0
        self._throttled = 0

    def grant(self, wanted: int, now: float) -> int:
        """Return how many of the ``wanted`` acks may be sent now; 0 if none until the next tick."""
        if self._budget is None:
            return wanted
        if now >= self._tick_ends:
            self._begin_tick(self._budget, now)
        granted = min(wanted, self._budget - self._granted)
        self._granted += granted
        return granted

    def wait_seconds(self, now: float) -> float:
        """Return the time until the next tick, in seconds."""
        return max(0.0, self._tick_ends - now)

    def answered(self, *, confirmed: int, throttled: int, now: float) -> None:
        """Record how many acks the server confirmed and how many it throttled."""
        if self._budget is None:
            if not throttled:
                return
            # Send no more acks in this tick. The next budget is what the server confirmed in it.
            self._budget = self._granted = 1
            self._tick_ends = now + TICK_SECONDS
        self._confirmed += confirmed
        self._throttled += throttled

    def _begin_tick(self, budget: int, now: float) -> None:
        if self._throttled:
            self._budget = max(1, self._confirmed)
        elif self._granted == budget:
            self._budget = budget + 1 + budget // 8
        self._tick_ends = now + TICK_SECONDS
        self._granted = self._confirmed = self._throttled = 0
