"""The receipt: a file that records an erasure, with a digest of the subscription id."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from drainctl.erase.findings import ErasureError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from drainctl.erase.findings import Findings
    from drainctl.erase.subject import Subject

_VERSION: Final = 1
_ELSEWHERE: Final = "specify another path with --receipt"


class Receipt:
    """Writes one receipt atomically. Methods raise ``ErasureError`` if it can't be written.

    Args:
        path: The file, which must not exist.
        stack_name: The stack's name.
        subject: The subscriber.
        started: When the run started, UTC.
    """

    def __init__(self, path: Path, *, stack_name: str, subject: Subject, started: datetime) -> None:
        self.path = path
        self._head: dict[str, Any] = {
            "version": _VERSION,
            "stack": stack_name,
            "subscriptions": subject.digests(),
            "started": started.isoformat(timespec="seconds"),
        }

    def check(self) -> None:
        """Check that the file can be written, before anything is deleted."""
        if self.path.exists():
            raise ErasureError(
                f"writing the receipt would fail: {self.path} already exists", _ELSEWHERE
            )
        if not os.access(self.path.parent, os.W_OK):
            raise ErasureError(
                f"writing the receipt would fail: {self.path.parent} is not writable", _ELSEWHERE
            )

    def content(self, findings: Findings, *, ended: datetime, error: str | None) -> dict[str, Any]:
        """Return the content of the receipt.

        Args:
            findings: What was found and deleted.
            ended: When the run ended, UTC.
            error: Why the erasure did not complete; None if it did.
        """
        return {
            **self._head,
            "ended": ended.isoformat(timespec="seconds"),
            "is_complete": error is None and not findings.unchecked,
            "error": error,
            **findings.as_json(),
        }

    def write(self, content: dict[str, Any]) -> None:
        """Write the receipt."""
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            new.write_text(json.dumps(content, indent=1) + "\n")
            new.replace(self.path)
        except OSError as cause:
            raise ErasureError(
                f"writing the receipt to {self.path} failed: {cause.strerror}",
                f"free some space, or {_ELSEWHERE}, and run this command again to get one",
            ) from cause
