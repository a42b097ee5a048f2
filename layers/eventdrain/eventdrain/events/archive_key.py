"""The keys of the archive's objects.

::

    <prefix>/<event type>/dt=<day>/<time>-<digest>.ndjson.gz               lines
    <quarantine prefix>/<event type>/withheld/<time>-<digest>.ndjson.gz    original messages
    <quarantine prefix>/<event type>/<event id>.json                       one event in quarantine

``day`` is a UTC day, ``time`` that of the object's first event, ``digest`` one of its event ids. A
key depends on the events in the object alone, not on their order or on when they arrived: the same
events have the same key, so that writing them again finds them there. Only the keys of lines and of
original messages are an ``ArchiveKey``: a single event in quarantine has its id for a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_DIGEST_LENGTH: Final = 32
_ORIGINALS: Final = "withheld"
_SUFFIX: Final = ".ndjson.gz"
_KEY: Final = re.compile(
    rf"(?P<prefix>.+)/(?P<event_type>[^/]+)/(?:dt=(?P<day>\d{{4}}-\d\d-\d\d)|{_ORIGINALS})"
    r"/(?P<name>[^/]*)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """The key of an object of lines or of original messages, or of the folder of such objects.

    Attributes:
        prefix: What the key begins with, without a slash at the end.
        event_type: The stream's event type.
        day: The UTC day of its events as ``YYYY-MM-DD``; None for original messages.
        name: The object's name; empty for the folder.
    """

    prefix: str
    event_type: str
    day: str | None
    name: str = ""

    @classmethod
    def parse(cls, key: str) -> ArchiveKey | None:
        """Parse a key, or a folder with its slash at the end; None if it is neither."""
        found = _KEY.fullmatch(key)
        return None if found is None else cls(**found.groupdict())

    def format(self) -> str:
        """Return the key as S3 has it; that of a folder ends in a slash."""
        folder = _ORIGINALS if self.day is None else f"dt={self.day}"
        return f"{self.prefix}/{self.event_type}/{folder}/{self.name}"

    @property
    def holds_lines(self) -> bool:
        """Whether the name is one that the drain gives; other objects may lie in the folder."""
        return self.name.endswith(_SUFFIX)

    def of_events(self, event_ids: Iterable[str], *, time: str | None = None) -> ArchiveKey:
        """Return the key of an object in the same folder.

        Args:
            event_ids: The ids of its events.
            time: That of its first event, as the line has it; by default the time in this name,
                for an object that keeps a part of the events of this one.
        """
        stamp = self.name.partition("-")[0]
        if time is not None:
            stamp = time.replace("-", "").replace(":", "")
        digest = sha256("\n".join(sorted(event_ids)).encode()).hexdigest()[:_DIGEST_LENGTH]
        return replace(self, name=f"{stamp}-{digest}{_SUFFIX}")
