"""Batches: which deliveries are committed together, and when that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from eventdrain.events import Delivery


class Batch:
    """Gathers deliveries until a commit of them is due.

    A batch is due at half of what may be in flight: while one half is being committed the server
    fills the other. It is due after the linger too, counted from the first delivery in it, so
    that a slow stream is not left waiting.

    Args:
        max_in_flight: How many deliveries the server sends without an ack; 1 or more.
        linger: How long the first delivery of a batch may wait for others.
    """

    def __init__(self, *, max_in_flight: int, linger: timedelta) -> None:
        self._full_at = max(1, max_in_flight // 2)
        self._linger = linger.total_seconds()
        self._deliveries: list[Delivery] = []
        self._due_at: float | None = None

    def __len__(self) -> int:
        return len(self._deliveries)

    @property
    def due_at(self) -> float | None:
        """When it will be due at the latest, by the clock of :meth:`add`; None while empty."""
        return self._due_at

    @property
    def room(self) -> int:
        """How many deliveries it takes before it is full."""
        return self._full_at - len(self._deliveries)

    @property
    def is_full(self) -> bool:
        """Whether it is due for its size."""
        return len(self._deliveries) >= self._full_at

    def is_due(self, now: float) -> bool:
        """Tell whether the batch should be committed now. An empty one never is."""
        return self._due_at is not None and (self.is_full or now >= self._due_at)

    def add(self, delivery: Delivery, now: float) -> None:
        """Put a delivery into the batch. A full one must be taken first."""
        if self._due_at is None:
            self._due_at = now + self._linger
        self._deliveries.append(delivery)

    def take(self) -> list[Delivery]:
        """Give the deliveries in the order in which they came, and start a new batch."""
        deliveries, self._deliveries, self._due_at = self._deliveries, [], None
        return deliveries
