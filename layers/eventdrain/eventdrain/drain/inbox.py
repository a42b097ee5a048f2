"""The inbox: what has arrived and is not yet taken."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime


class Inbox:
    """Holds messages between the reading and the drain, which both run in one event loop.

    Args:
        size: About how many it holds: what arrives at once is put into it whole.
        on_arrival: Called when there is something new.
    """

    def __init__(self, size: int, on_arrival: Callable[[], None]) -> None:
        self._size = size
        self._on_arrival = on_arrival
        self._messages: deque[tuple[bytes, datetime]] = deque()
        self._taken = asyncio.Event()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, messages: Sequence[bytes], received_at: datetime) -> None:
        """Put messages into it, in the order in which they came."""
        self._messages.extend((message, received_at) for message in messages)
        self._on_arrival()

    def take(self) -> tuple[bytes, datetime]:
        """Take the oldest message, and when it came."""
        self._taken.set()
        return self._messages.popleft()

    async def has_room(self) -> None:
        """Wait for room; once it is closed there is none any more."""
        while self._is_closed or len(self._messages) >= self._size:
            self._taken.clear()
            await self._taken.wait()

    def close(self) -> None:
        """Take no more: what comes now stays with the server."""
        self._is_closed = True
