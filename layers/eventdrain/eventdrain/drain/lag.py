"""The lag: how old events are on arrival at the end of a run, to detect a backlog."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import TYPE_CHECKING, Final

from eventdrain.events import age_seconds

if TYPE_CHECKING:
    from datetime import datetime

    from eventdrain.events import Delivery

RECENT_SECONDS: Final = 5.0
LAST_EVENTS: Final = 101
"""Enough events that outliers do not affect the median."""


class Lag:
    """Computes the lag of the events that a drain took last."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, str, datetime]] = deque(maxlen=LAST_EVENTS)

    def note(self, delivery: Delivery, now: float) -> None:
        """Record a delivery.

        Events without a time and redeliveries are ignored: a redelivery is old because it was sent
        before, not because of a backlog.
        """
        if delivery.event_time is not None and not delivery.redelivered:
            self._last.append((now, delivery.event_time, delivery.received_at))

    def age_seconds(self, now: float) -> float:
        """Return the median age on arrival of the last ``RECENT_SECONDS``' events, in seconds.

        Older events are ignored: on a slow stream, the last hundred events include those that
        waited for the window to open. Returns 0 if there were no recent events.
        """
        ages = [
            age_seconds(event_time, received_at)
            for taken_at, event_time, received_at in self._last
            if now - taken_at <= RECENT_SECONDS
        ]
        return median(ages) if ages else 0.0
