"""Checkpoints: how far a replay has come, so that another run can go on from there.

A checkpoint names an object of the archive and how many of its lines are done with. It holds no
personal data: keys are made of times and digests, and the selection is there as a digest. One that
was changed, or damaged, would skip events: it is told by its checksum.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from eventdrain.errors import ConfigurationError
from eventdrain.events import ArchiveKey
from eventdrain.ports import Folder

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION: Final = 1
_ANEW: Final = "begin without a checkpoint"
_NAME: Final = re.compile(r"[!-~]{1,80}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where to go on.

    Attributes:
        selection: The digest of what is replayed, from where to where.
        replay: The replay's name, which its messages carry.
        key: The object up to which all is done.
        lines: How many of its lines are done; those of the objects before it are all done.
        passed: A digest of the keys of its folder up to this one: if it is another when the replay
            goes on, the folder has other objects than it had.
    """

    selection: str
    replay: str
    key: str
    lines: int
    passed: str

    @property
    def folder(self) -> Folder:
        """The folder that the object lies in."""
        key = ArchiveKey.parse(self.key)
        if key is None or key.day is None or not key.name:
            raise ConfigurationError(
                f"the checkpoint's key {self.key!r} is none of the archive's", hint=_ANEW
            )
        return Folder(key.day, key.event_type)

    def at(self, lines: int) -> Checkpoint:
        """Give the checkpoint at another line of the same object."""
        return replace(self, lines=lines)

    def as_json(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        content = asdict(self)
        return {"version": _VERSION, **content, "checksum": _checksum(content)}

    @classmethod
    def of(cls, content: object, *, selection: str) -> Checkpoint:
        """Read a checkpoint.

        Args:
            content: What :meth:`as_json` gave.
            selection: The digest of what shall be replayed now.

        Raises:
            ConfigurationError: It is none, or another selection's.
        """
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            raise ConfigurationError(f"this is no checkpoint of version {_VERSION}", hint=_ANEW)
        values: dict[str, Any] = {each.name: content.get(each.name) for each in fields(cls)}
        if content.get("checksum") != _checksum(values):
            raise ConfigurationError("the checkpoint lacks something, or was changed", hint=_ANEW)
        read = cls(**values)
        if read.selection != selection:
            raise ConfigurationError(
                "the checkpoint belongs to another selection",
                hint="give the same streams, range, ids, archive and queues as before to go on, or"
                " begin without this checkpoint",
            )
        return read


def check_name(name: str) -> None:
    """Check that messages can carry a replay's name.

    Raises:
        ConfigurationError: They can't.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"messages can't carry the replay's name {name!r}",
            hint="use 1 to 80 ASCII letters, digits and punctuation marks without spaces",
        )


def _checksum(content: Mapping[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
