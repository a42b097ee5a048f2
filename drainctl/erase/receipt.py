"""The receipt: a file that says what was deleted, when and where, and of whom only a digest."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from drainctl.erase.store import ErasureFailed

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from drainctl.erase.findings import Findings
    from drainctl.erase.subject import Subject

_VERSION: Final = 1


class Receipt:
    """Writes one receipt. At every moment the file is whole, or not there.

    Args:
        path: Where. There must be no file yet.
        stack_name: The stack.
        subject: Who is forgotten.
        started: When, UTC.
    """

    def __init__(self, path: Path, *, stack_name: str, subject: Subject, started: datetime) -> None:
        self._path = path
        self._head: dict[str, Any] = {
            "version": _VERSION,
            "stack": stack_name,
            "subscriptions": subject.digests(),
            "started": started.isoformat(timespec="seconds"),
        }

    def check(self) -> None:
        """Check that it can be written, before anything is deleted.

        Raises:
            ErasureFailed: It can't.
        """
        if self._path.exists():
            raise ErasureFailed(f"{self._path} is there already: give --receipt another path")
        if not os.access(self._path.parent, os.W_OK):
            raise ErasureFailed(
                f"nothing can be written to the folder {self._path.parent}: give --receipt another"
                " path"
            )

    def write(self, findings: Findings, *, ended: datetime, error: str | None) -> None:
        """Write it.

        Args:
            findings: What was done.
            ended: When, UTC.
            error: Why it was not done to its end; None if it was.

        Raises:
            ErasureFailed: It can't be written.
        """
        content = {
            **self._head,
            "ended": ended.isoformat(timespec="seconds"),
            "is_complete": error is None and not findings.unchecked,
            "error": error,
            **findings.as_json(),
        }
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.write_text(json.dumps(content, indent=1) + "\n")
            new.replace(self._path)
        except OSError as cause:
            raise ErasureFailed(
                f"the receipt can't be written to {self._path} ({cause.strerror}): make room, or"
                " give --receipt another path, and run again for one"
            ) from cause
