"""Checkpoints: the position from which another run can continue a replay.

A checkpoint names an archive object and how many of its lines are done. It holds no personal data:
keys consist of times and digests, and the selection is a digest. A changed or damaged checkpoint
could skip events; a checksum detects it.
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
_START_OVER: Final = "start again without a checkpoint"
_NAME: Final = re.compile(r"[!-~]{1,80}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The position of a replay.

    Attributes:
        selection: The digest of the selection, the archive and the queues.
        replay: The replay's name, an attribute of its messages.
        key: The key of the current object. All objects before it are done.
        lines: How many lines of the current object are done.
        passed: A digest of the folder's keys up to this one. If it differs when the replay
            continues, the folder's objects have changed since the replay began with the folder.
    """

    selection: str
    replay: str
    key: str
    lines: int
    passed: str

    @property
    def folder(self) -> Folder:
        """The folder of the current object."""
        key = ArchiveKey.parse(self.key)
        if key is None or key.day is None or not key.name:
            raise ConfigurationError(
                f"the checkpoint's key {self.key!r} is not an archive key", hint=_START_OVER
            )
        return Folder(key.day, key.event_type)

    def at(self, lines: int) -> Checkpoint:
        """Return the checkpoint at another line of the same object."""
        return replace(self, lines=lines)

    def as_json(self) -> dict[str, Any]:
        """Return the checkpoint as a JSON object."""
        content = asdict(self)
        return {"version": _VERSION, **content, "checksum": _checksum(content)}

    @classmethod
    def from_json(cls, content: object, *, selection: str) -> Checkpoint:
        """Parse and verify a checkpoint.

        Args:
            content: A JSON object from :meth:`as_json`.
            selection: The digest of the selection to replay now.

        Raises:
            ConfigurationError: It is not a checkpoint, or it belongs to another selection.
        """
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            raise ConfigurationError(
                f"not a replay checkpoint of version {_VERSION}", hint=_START_OVER
            )
        values: dict[str, Any] = {each.name: content.get(each.name) for each in fields(cls)}
        if content.get("checksum") != _checksum(values):
            raise ConfigurationError(
                "the checkpoint is incomplete or was modified", hint=_START_OVER
            )
        read = cls(**values)
        if read.selection != selection:
            raise ConfigurationError(
                "the checkpoint belongs to another selection",
                hint="use the same streams, range, ids, archive and queues as before, or start"
                " again without this checkpoint",
            )
        return read


def check_name(name: str) -> None:
    """Check that a replay's name is valid as a message attribute.

    Raises:
        ConfigurationError: The name is invalid.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"the replay's name {name!r} is invalid",
            hint="use 1 to 80 ASCII letters, digits and punctuation marks, without spaces",
        )


def _checksum(content: Mapping[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
