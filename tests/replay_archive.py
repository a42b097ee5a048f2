"""A fake of ``replay_ports.ArchiveReader``, filled by the engine's own writers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from eventdrain.errors import ArchiveReadError, Failure, FailureKind
from eventdrain.events import group_by_object, object_body
from eventdrain.ports import Folder, StoredObject
from tests.deliveries import LAYOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from eventdrain.events import ArchiveLayout, Delivery

SLOW_DOWN: Final = Failure("MadeUpSlowDown", "made up: it may pass", FailureKind.RETRYABLE)
DENIED: Final = Failure("MadeUpDenied", "made up: check the role", FailureKind.FATAL)


def no_failure(_call: str, _attempt: int) -> Failure | None:
    """Return success for everything."""
    return None


class FakeArchive:
    """An archive in memory.

    Args:
        layout: The layout of the archive.
        page: Maximum of objects that a call lists.
        decide: Returns the failure of a call, or None, for ``list`` or the key that is read, and
            the number of the attempt, from 0.
        seconds: How long each read takes.

    Attributes:
        objects_by_key: The stored objects.
        reads: The keys that were read, in order.
        listed: The folders that were listed.
    """

    def __init__(
        self,
        layout: ArchiveLayout = LAYOUT,
        *,
        page: int = 1000,
        decide: Callable[[str, int], Failure | None] = no_failure,
        seconds: float = 0.0,
    ) -> None:
        self._layout = layout
        self._page = page
        self._decide = decide
        self._seconds = seconds
        self._attempts: Counter[str] = Counter()
        self.objects_by_key: dict[str, bytes] = {}
        self.reads: list[str] = []
        self.listed: list[Folder] = []

    def put(self, deliveries: Iterable[Delivery]) -> list[str]:
        """Archive a batch as the drain does; return the keys that it wrote, new or not."""
        keys = []
        for together in group_by_object(deliveries):
            keys.append(self._layout.key(together))
            self.objects_by_key.setdefault(keys[-1], object_body(together))
        return keys

    async def days(self, event_type: str) -> Sequence[str]:
        """See ``ArchiveReader``."""
        self._refuse("list")
        start = f"{self._layout.prefix}/{event_type}/dt="
        found = {
            key.removeprefix(start)[:10] for key in self.objects_by_key if key.startswith(start)
        }
        return sorted(found)

    async def objects(self, folder: Folder, *, after: str) -> Sequence[StoredObject]:
        """See ``ArchiveReader``."""
        self._refuse("list")
        if not after:
            self.listed.append(folder)
        start = f"{self._layout.prefix}/{folder.event_type}/dt={folder.day}/"
        keys = sorted(key for key in self.objects_by_key if key.startswith(start) and key > after)
        return [StoredObject(key, len(self.objects_by_key[key])) for key in keys[: self._page]]

    async def read(self, key: str) -> bytes | None:
        """See ``ArchiveReader``."""
        await asyncio.sleep(self._seconds)
        self._refuse(key)
        self.reads.append(key)
        return self.objects_by_key.get(key)

    def _refuse(self, call: str) -> None:
        failure = self._decide(call, self._attempts[call])
        self._attempts[call] += 1
        if failure is not None:
            raise ArchiveReadError(failure)
