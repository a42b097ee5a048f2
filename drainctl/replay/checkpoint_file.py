"""The file that a replay's checkpoint is kept in."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from eventdrain.errors import ConfigurationError
from eventdrain.json_shape import json_object
from eventdrain.replay import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

_ELSEWHERE: Final = "give --checkpoint another path"


class CheckpointFile:
    """Keeps the newest checkpoint. At every moment the file is whole, or not there.

    Args:
        path: Where.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")

    def check(self) -> None:
        """Check that it can be written, before anything is sent.

        Raises:
            ConfigurationError: It can't.
        """
        if not os.access(self._path.parent, os.W_OK):
            raise ConfigurationError(
                f"nothing can be written to the folder {self._path.parent}",
                hint=_ELSEWHERE,
                setting="--checkpoint",
            )

    @property
    def is_there(self) -> bool:
        """Whether there is something to go on with."""
        return self._path.exists()

    def load(self, *, selection: str) -> Checkpoint | None:
        """Give the checkpoint; None if there is no file.

        Args:
            selection: The digest of what shall be replayed.

        Raises:
            ConfigurationError: The file is none, or belongs to another selection.
        """
        try:
            content = json_object(self._path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(
                f"{self._path} can't be read as a checkpoint ({type(error).__name__})",
                hint=f"{_ELSEWHERE}, or remove the file to begin anew",
                setting="--checkpoint",
            ) from error
        try:
            return Checkpoint.of(content, selection=selection)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{self._path}: {error.reason}",
                hint=f"{error.hint}: remove the file, or {_ELSEWHERE}",
                setting="--checkpoint",
            ) from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint in place of the one before.

        Raises:
            ConfigurationError: It can't be written.
        """
        try:
            self._new.write_text(json.dumps(checkpoint.as_json(), indent=1) + "\n")
            self._new.replace(self._path)
        except OSError as error:
            raise ConfigurationError(
                f"the checkpoint can't be written to {self._path} ({error.strerror})",
                hint=f"make room, or {_ELSEWHERE}",
                setting="--checkpoint",
            ) from error

    def remove(self) -> None:
        """Remove it: there is nothing to go on with."""
        self._path.unlink(missing_ok=True)
