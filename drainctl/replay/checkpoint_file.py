"""The file that stores a replay's progress."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from eventdrain.errors import ConfigurationError
from eventdrain.json_shape import parse_json
from eventdrain.replay import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

_ELSEWHERE: Final = "specify another path with --checkpoint"


class CheckpointFile:
    """Stores the newest checkpoint. The file is written atomically.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")

    def check(self) -> None:
        """Check that the file can be written, before anything is sent.

        Raises:
            ConfigurationError: The file can't be written.
        """
        if not os.access(self._path.parent, os.W_OK):
            raise self._error(
                f"saving the checkpoint would fail: {self._path.parent} is not writable", _ELSEWHERE
            )

    @property
    def is_there(self) -> bool:
        """Whether the file exists, so that the replay can continue."""
        return self._path.exists()

    def load(self, *, selection: str) -> Checkpoint | None:
        """Return the checkpoint; None if there is no file.

        Args:
            selection: The digest of the selection to replay.

        Raises:
            ConfigurationError: The file is not a checkpoint, or belongs to another selection.
        """
        try:
            content = parse_json(self._path.read_text(), dict[str, Any])
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            raise self._error(
                f"reading the checkpoint {self._path} failed: {type(error).__name__}",
                f"{_ELSEWHERE}, or remove the file to start from the beginning",
            ) from error
        try:
            return Checkpoint.from_json(content, selection=selection)
        except ConfigurationError as error:
            hint = f"{error.hint}: remove the file, or {_ELSEWHERE}"
            raise self._error(
                f"reading the checkpoint {self._path} failed: {error.reason}", hint
            ) from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the stored checkpoint.

        Raises:
            ConfigurationError: The checkpoint can't be written.
        """
        try:
            self._new.write_text(json.dumps(checkpoint.as_json(), indent=1) + "\n")
            self._new.replace(self._path)
        except OSError as error:
            raise self._error(
                f"saving the checkpoint to {self._path} failed: {error.strerror}",
                f"free some space, or {_ELSEWHERE}",
            ) from error

    def remove(self) -> None:
        """Remove the file, because the replay is complete."""
        self._path.unlink(missing_ok=True)

    @staticmethod
    def _error(reason: str, hint: str) -> ConfigurationError:
        return ConfigurationError(reason, hint=hint, setting="--checkpoint")
