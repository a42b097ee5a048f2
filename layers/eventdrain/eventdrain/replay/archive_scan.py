"""The scan of the archive for a replay: the folders to read, and their objects in order."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, TypeVar

from eventdrain.errors import ArchiveReadError
from eventdrain.ports import Folder, StoredObject
from eventdrain.replay.interruption import RetryBudget

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from eventdrain.ports import ArchiveReader
    from eventdrain.replay.checkpoint import Checkpoint
    from eventdrain.replay.interruption import Interruption
    from eventdrain.replay.selection import Selection

_T = TypeVar("_T")

_READ_AHEAD: Final = 16
"""How many objects are read ahead while one is being sent: many objects hold only a few lines."""


class ArchiveScan:
    """Lists and reads the objects that may hold a selection's events. Retries failed calls.

    Every method raises ``ReplayFailed`` if a call keeps failing, and ``ReplayInterrupted`` if the
    replay is to end early.

    Args:
        archive: The archive.
        selection: The events to look for.
        after: The checkpoint to continue from; None to start at the beginning.
        interruption: Ends the replay early.
    """

    def __init__(
        self,
        archive: ArchiveReader,
        selection: Selection,
        after: Checkpoint | None,
        interruption: Interruption,
    ) -> None:
        self._archive = archive
        self._selection = selection
        self._after = after
        self._interruption = interruption

    async def folders(self) -> Sequence[Folder]:
        """Return the folders by day. Folders of one day are in the order of the streams."""
        event_types = self._selection.event_types
        found = [
            (day, index)
            for index, event_type in enumerate(event_types)
            for day in await self._days(event_type)
            if self._selection.may_include_day(day)
        ]
        if self._after is not None:
            folder = self._after.folder
            begin = (folder.day, event_types.index(folder.event_type))
            found = [place for place in found if place >= begin]
        return [Folder(day, event_types[index]) for day, index in sorted(found)]

    async def survey(self) -> tuple[int, int]:
        """List the objects still to be read; return their number and total size in bytes."""
        objects = size = 0
        for folder in await self.folders():
            async with aclosing(self._objects(folder)) as listed:
                async for stored in listed:
                    if not self._is_done(folder, stored):
                        objects += 1
                        size += stored.size
        return objects, size

    async def bodies(
        self, folder: Folder
    ) -> AsyncGenerator[tuple[StoredObject, bytes | None], None]:
        """Read a folder's objects in the order of their keys, with read-ahead.

        Yields:
            Each object with its body as stored; None if the object no longer exists.
        """
        reading: deque[tuple[StoredObject, asyncio.Task[bytes | None]]] = deque()
        try:
            async with aclosing(self._objects(folder)) as listed:
                async for stored in listed:
                    reading.append((stored, asyncio.create_task(self._body(stored.key))))
                    if len(reading) > _READ_AHEAD:
                        first, body = reading.popleft()
                        yield first, await body
            while reading:
                first, body = reading.popleft()
                yield first, await body
        finally:
            left = [body for _, body in reading]
            for body in left:
                body.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _is_done(self, folder: Folder, stored: StoredObject) -> bool:
        after = self._after
        return after is not None and folder == after.folder and stored.key < after.key

    async def _days(self, event_type: str) -> Sequence[str]:
        return await self._with_retries(lambda: self._archive.days(event_type))

    async def _body(self, key: str) -> bytes | None:
        return await self._with_retries(lambda: self._archive.read(key))

    async def _objects(self, folder: Folder) -> AsyncGenerator[StoredObject, None]:
        after = ""
        while objects := await self._page(folder, after):
            for stored in objects:
                yield stored
            after = objects[-1].key

    async def _page(self, folder: Folder, after: str) -> Sequence[StoredObject]:
        return await self._with_retries(lambda: self._archive.objects(folder, after=after))

    async def _with_retries(self, call: Callable[[], Awaitable[_T]]) -> _T:
        retries = RetryBudget(self._interruption)
        while True:
            self._interruption.check()
            try:
                return await call()
            except ArchiveReadError as error:
                failure = error.failure
            await retries.wait(failure)
