"""A queue that checks that the archive has the object of each pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.errors import Failure
    from eventdrain.events import Delivery
    from tests.fakes import FakeSink


class WatchedQueue:
    """A ``ports.Sink`` that passes all deliveries to a queue.

    Args:
        queue: The queue.
        archive: The archive, which must hold an event before a pointer to it is sent.

    Attributes:
        premature: The ids of events whose pointers were sent too early.
    """

    def __init__(self, queue: FakeSink, archive: FakeSink) -> None:
        self._queue = queue
        self._archive = archive
        self.premature: list[str] = []

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """See ``ports.Sink``."""
        self.premature.extend(
            delivery.event_id
            for delivery in deliveries
            if delivery.pointer and delivery.event_id not in self._archive.held
        )
        return await self._queue.write(deliveries)
