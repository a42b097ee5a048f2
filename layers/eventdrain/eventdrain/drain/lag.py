"""The lag: whether what arrives last has waited at the server, or comes as it happens."""

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
"""Enough that the odd ones among them don't count."""


class Lag:
    """Notes what is taken from a stream."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, str, datetime]] = deque(maxlen=LAST_EVENTS)

    def note(self, delivery: Delivery, now: float) -> None:
        """Note a delivery that is taken.

        An event without a time tells nothing, and one that the server had sent before is old for
        another reason: neither counts.
        """
        if delivery.event_time is not None and not delivery.redelivered:
            self._last.append((now, delivery.event_time, delivery.received_at))

    def age_seconds(self, now: float) -> float:
        """Tell the median age on arrival of what was taken in the last seconds; 0 if nothing was.

        Not of more: on a slow stream the last hundred events are minutes old, and among them are
        those that had waited for the window to open.
        """
        ages = [
            age_seconds(event_time, received_at)
            for taken_at, event_time, received_at in self._last
            if now - taken_at <= RECENT_SECONDS
        ]
        return median(ages) if ages else 0.0
