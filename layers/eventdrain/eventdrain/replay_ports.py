"""What a replay needs of the world besides ``ports.Sink``: the archive, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Folder(NamedTuple):
    """Where the archive keeps the events of a stream and a UTC day. Sorts by day first.

    Attributes:
        day: As ``YYYY-MM-DD``.
        event_type: The stream's event type.
    """

    day: str
    event_type: str


class StoredObject(NamedTuple):
    """An object of lines.

    Attributes:
        key: Its key.
        size: In bytes, as it is stored.
    """

    key: str
    size: int


class ArchiveReader(Protocol):
    """The archive. Each call is made once; who calls decides whether to try again."""

    async def days(self, event_type: str) -> Sequence[str]:
        """Give the days that a stream has a folder for, in their order.

        Raises:
            ArchiveRefused: They can't be listed.
        """
        ...

    async def objects(self, folder: Folder, *, after: str) -> Sequence[StoredObject]:
        """Give the next objects of a folder, in the order of their keys; none at its end.

        Args:
            folder: Which folder.
            after: The key that they come after; empty to begin with the first.

        Raises:
            ArchiveRefused: They can't be listed.
        """
        ...

    async def read(self, key: str) -> bytes | None:
        """Give an object as it is stored; None if it is gone.

        Raises:
            ArchiveRefused: It can't be read.
        """
        ...
