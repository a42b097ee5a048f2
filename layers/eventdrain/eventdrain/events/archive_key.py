"""The keys of archive objects.

::

    <prefix>/<event type>/dt=<day>/<time>-<digest>.ndjson.gz               lines
    <quarantine prefix>/<event type>/withheld/<time>-<digest>.ndjson.gz    original messages
    <quarantine prefix>/<event type>/<event id>.json                       one event in quarantine

``day`` is a UTC day, ``time`` is the time of the object's first event, and ``digest`` is a digest
of its event ids. A key depends only on the events in the object, not on their order or arrival
time. Writing the same events again therefore yields the same key. ``ArchiveKey`` represents the
first two kinds of keys; the key of a quarantined event is its event id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
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
    """The key of an object of lines or of original messages, or of a folder of such objects.

    Attributes:
        prefix: The key prefix, without a trailing slash.
        event_type: The stream's event type.
        day: The UTC day of the events as ``YYYY-MM-DD``; None for original messages.
        name: The object's name within its folder; empty for a folder.

    Raises:
        ValueError: The event type or the name contains a slash, or the day is not in the calendar.
    """

    prefix: str
    event_type: str
    day: str | None
    name: str = ""

    def __post_init__(self) -> None:
        if "/" in self.event_type + self.name:
            raise ValueError("an event type and an object's name must not contain a slash")
        if self.day is not None:
            date.fromisoformat(self.day)

    @classmethod
    def parse(cls, key: str) -> ArchiveKey | None:
        """Parse an object key or a folder (with a trailing slash); return None for other keys."""
        found = _KEY.fullmatch(key)
        try:
            return None if found is None else cls(**found.groupdict())
        except ValueError:  # such as dt=2026-99-99
            return None

    def format(self) -> str:
        """Return the key as a string. A folder's key ends with a slash."""
        folder = _ORIGINALS if self.day is None else f"dt={self.day}"
        return f"{self.prefix}/{self.event_type}/{folder}/{self.name}"

    @property
    def holds_lines(self) -> bool:
        """Whether the object's name is one that the drain writes; a folder may hold others."""
        return self.name.endswith(_SUFFIX)

    def for_events(self, event_ids: Iterable[str], *, time: str | None = None) -> ArchiveKey:
        """Return the key of an object in the same folder.

        Args:
            event_ids: The ids of the object's events.
            time: The ``event_time`` of the object's first event. By default the time in this key's
                name, for an object that keeps some of this object's events.
        """
        stamp = self.name.removesuffix(_SUFFIX).partition("-")[0]
        if time is not None:
            stamp = time.replace("-", "").replace(":", "")
        digest = sha256("\n".join(sorted(event_ids)).encode()).hexdigest()[:_DIGEST_LENGTH]
        return replace(self, name=f"{stamp}-{digest}{_SUFFIX}")
