"""How many acks may be sent at a time, once the event server has asked to slow down."""

from __future__ import annotations

from typing import Final

TICK_SECONDS: Final = 0.2


class AckPace:
    """Paces the acks of one run, over all of its batches.

    Until the server asks to slow down, everything is granted at once. From then on each tick
    has a budget. A tick in which acks were throttled shows what the server takes: as many as it
    confirmed are the next budget. A tick without grows it by an eighth, so that a limit that
    is gone is left behind within seconds.
    """

    def __init__(self) -> None:
        self._budget: int | None = None
        self._tick_ends = 0.0
        self._granted = 0
        self._confirmed = 0
        self._throttled = 0

    def grant(self, wanted: int, now: float) -> int:
        """Return how many of so many acks may be sent now; 0 until the next tick."""
        if self._budget is None:
            return wanted
        if now >= self._tick_ends:
            self._begin_tick(self._budget, now)
        granted = min(wanted, self._budget - self._granted)
        self._granted += granted
        return granted

    def wait_seconds(self, now: float) -> float:
        """Return how long it is until more may be granted."""
        return max(0.0, self._tick_ends - now)

    def answered(self, *, confirmed: int, throttled: int, now: float) -> None:
        """Note how many acks were confirmed, and how many the server refused as too many."""
        if self._budget is None:
            if not throttled:
                return
            # Nothing more in this tick; the next one's budget is what it has shown.
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
