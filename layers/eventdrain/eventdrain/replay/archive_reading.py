"""The reading of a replay: which folders there are, and their objects one after another."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, TypeVar

from eventdrain.errors import ArchiveRefused
from eventdrain.ports import Folder, StoredObject
from eventdrain.replay.ending import Retries

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from eventdrain.ports import ArchiveReader
    from eventdrain.replay.checkpoint import Checkpoint
    from eventdrain.replay.ending import Ending
    from eventdrain.replay.selection import Selection

_T = TypeVar("_T")

_READ_AHEAD: Final = 16
"""Objects that are read while one is being sent: many hold but a few lines."""


class ArchiveReading:
    """Reads what can hold a selection's events, and tries again what may pass.

    Every method raises ``ReplayFailed`` where that doesn't help, and ``EndedEarly``.

    Args:
        archive: Where the events are.
        selection: Which of them are looked for.
        after: Where an earlier run ended; None to begin at the beginning.
        ending: Of the replay.
    """

    def __init__(
        self,
        archive: ArchiveReader,
        selection: Selection,
        after: Checkpoint | None,
        ending: Ending,
    ) -> None:
        self._archive = archive
        self._selection = selection
        self._after = after
        self._ending = ending

    async def folders(self) -> Sequence[Folder]:
        """Give the folders: by day, those of one day in the order of the selection's streams."""
        event_types = self._selection.event_types
        found = [
            (day, index)
            for index, event_type in enumerate(event_types)
            for day in await self._days(event_type)
            if self._selection.has_day(day)
        ]
        if self._after is not None:
            folder = self._after.folder
            begin = (folder.day, event_types.index(folder.event_type))
            found = [place for place in found if place >= begin]
        return [Folder(day, event_types[index]) for day, index in sorted(found)]

    async def survey(self) -> tuple[int, int]:
        """Tell how many objects are still to be gone through, and their bytes, by listing them."""
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
        """Read a folder's objects in the order of their keys, some of them ahead.

        Yields:
            Each object and what is stored, None if it is gone meanwhile.
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
        return await self._patiently(lambda: self._archive.days(event_type))

    async def _body(self, key: str) -> bytes | None:
        return await self._patiently(lambda: self._archive.read(key))

    async def _objects(self, folder: Folder) -> AsyncGenerator[StoredObject, None]:
        after = ""
        while objects := await self._page(folder, after):
            for stored in objects:
                yield stored
            after = objects[-1].key

    async def _page(self, folder: Folder, after: str) -> Sequence[StoredObject]:
        return await self._patiently(lambda: self._archive.objects(folder, after=after))

    async def _patiently(self, call: Callable[[], Awaitable[_T]]) -> _T:
        retries = Retries(self._ending)
        while True:
            self._ending.check()
            try:
                return await call()
            except ArchiveRefused as refused:
                failure = refused.failure
            await retries.wait(failure)
