"""One line of the result: what was looked at, how it is, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How something is; the values are those of the JSON output."""

    GOOD = "good"
    LOOK = "look"
    """Nothing is broken, and somebody should look at it."""
    BAD = "bad"
    SKIPPED = "skipped"
    """It can't be told, for something else is not known. Told with that."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What, such as ``last run``.
        status: How it is.
        says: What was found, in one sentence. Holds no secret and no personal data.
        hint: What helps, where something should be done.
        event_type: The stream that it is about; empty for all.
    """

    check: str
    status: Status
    says: str
    hint: str = ""
    event_type: str = ""

    @property
    def title(self) -> str:
        """What it is about."""
        return f"{self.check} {self.event_type}".strip()
