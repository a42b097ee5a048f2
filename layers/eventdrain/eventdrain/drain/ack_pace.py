"""Throttling of acks after the event server has rejected some as too many."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK_SECONDS: Final = 0.2
"""The length of the interval that a budget of acks applies to."""


class AckPace:
    """Limits the rate of acks in one run, across all batches.

    There is no limit until the server throttles an ack. From then on, each tick has a budget. If
    acks were throttled in a tick, the next budget is the number of acks that the server confirmed.
    Otherwise the budget grows by an eighth, so that the pace recovers within seconds after the
    server lifts its limit.

    Batches that wait are served in the order of their deadlines. Otherwise a large batch could wait
    for longer than the ack timeout, while the events that the server sends after each ack form new
    batches.
    """

    def __init__(self) -> None:
        self._budget: int | None = None
        self._tick_ends = 0.0
        self._granted = 0
        self._confirmed = 0
        self._throttled = 0
        self._waiting: list[tuple[float, int]] = []

    def grant(self, wanted: int, now: float, until: float = math.inf) -> int:
        """Return how many of the ``wanted`` acks may be sent now; 0 if none until the next tick.

        Args:
            wanted: The number of acks.
            now: The time.
            until: The deadline of the acks.
        """
        if self._budget is None:
            return wanted
        if now >= self._tick_ends:
            self._begin_tick(self._budget, now)
        earlier = sum(count for deadline, count in self._waiting if deadline < until)
        granted = max(0, min(wanted, self._budget - self._granted - earlier))
        self._granted += granted
        return granted

    @contextmanager
    def waiting(self, wanted: int, until: float) -> Iterator[None]:
        """Reserve the next budgets for ``wanted`` acks before those with a later deadline."""
        entry = (until, wanted)
        self._waiting.append(entry)
        try:
            yield
        finally:
            self._waiting.remove(entry)

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
