"""The lag: whether what arrives last has waited at the server, or comes as it happens."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import TYPE_CHECKING, Final

from eventdrain.delivery import age_seconds

if TYPE_CHECKING:
    from datetime import datetime

    from eventdrain.delivery import Delivery

_LAST_EVENTS: Final = 101
"""Enough that the odd ones among them don't count."""


class Lag:
    """Notes what is taken from a stream."""

    def __init__(self) -> None:
        self._last: deque[tuple[str, datetime]] = deque(maxlen=_LAST_EVENTS)
        self._taken_at: float | None = None

    def note(self, delivery: Delivery, now: float) -> None:
        """Note a delivery that is taken."""
        self._taken_at = now
        if delivery.event_time is not None and not delivery.redelivered:
            self._last.append((delivery.event_time, delivery.received_at))

    @property
    def age_seconds(self) -> float:
        """The median age on arrival of the last hundred or so; 0 if there are none.

        Events without a time have none, and what the server had sent before is old for another
        reason: neither counts.
        """
        if not self._last:
            return 0.0
        return median(age_seconds(event_time, at) for event_time, at in self._last)

    def quiet_seconds(self, now: float, *, since: float) -> float:
        """Tell how long nothing has been taken, if ever since."""
        return now - (since if self._taken_at is None else self._taken_at)
