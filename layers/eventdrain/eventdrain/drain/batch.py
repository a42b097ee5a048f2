"""Batches: which deliveries are committed together, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import timedelta

    from eventdrain.events import Delivery

_SHORT_SECONDS: Final = 0.25


class Batch:
    """Collects deliveries until a commit is due.

    A batch is due when it holds ``max_in_flight`` deliveries, all that the server sends before it
    receives acks: large batches need few requests.

    A batch is also due when ``linger`` has passed since its first delivery, so that the events of a
    slow stream do not wait. An event that was older than ``linger`` on arrival has waited at the
    server, and waits for a quarter of a second at most: so a longer linger makes larger batches of
    new events, and does not raise the greatest lag.

    If a batch was due with more than half of ``max_in_flight`` deliveries but not full, others are
    full with half: a delivery that is acked late or not at all counts at the server meanwhile, so
    a larger batch might have to wait again and again.

    Args:
        max_in_flight: How many unacked deliveries the server sends at most; 1 or more.
        linger: How long a delivery waits for others.
    """

    def __init__(self, *, max_in_flight: int, linger: timedelta) -> None:
        self._max_in_flight = max_in_flight
        self._full_at = max_in_flight
        self._linger = linger.total_seconds()
        self._short_linger = min(self._linger, _SHORT_SECONDS)
        self._deliveries: list[Delivery] = []
        self._due_at: float | None = None

    def __len__(self) -> int:
        return len(self._deliveries)

    @property
    def due_at(self) -> float | None:
        """The latest time at which the batch is due, by the clock of :meth:`add`; None if empty."""
        return self._due_at

    @property
    def room(self) -> int:
        """How many more deliveries fit until the batch is full."""
        return self._full_at - len(self._deliveries)

    @property
    def is_full(self) -> bool:
        """Whether the batch is due because of its size."""
        return len(self._deliveries) >= self._full_at

    def is_due(self, now: float) -> bool:
        """Return whether the batch should be committed now. An empty batch is never due."""
        return self._due_at is not None and (self.is_full or now >= self._due_at)

    def add(self, delivery: Delivery, now: float) -> None:
        """Add a delivery. Take a full batch before adding more."""
        # A delivery cannot make the batch due sooner than this, whatever its age.
        soonest = now + self._short_linger
        if self._due_at is None or soonest < self._due_at:
            has_waited = delivery.age_seconds > self._linger
            due_at = soonest if has_waited else now + self._linger
            self._due_at = due_at if self._due_at is None else min(due_at, self._due_at)
        self._deliveries.append(delivery)

    def take(self) -> list[Delivery]:
        """Return the deliveries in the order of :meth:`add`, and start a new batch."""
        half = max(1, self._max_in_flight // 2)
        if half < len(self._deliveries) < self._full_at:
            self._full_at = half
        deliveries, self._deliveries, self._due_at = self._deliveries, [], None
        return deliveries
