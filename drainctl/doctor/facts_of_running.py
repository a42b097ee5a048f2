"""How the stack runs, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

QUARANTINE_DAYS: Final = 7
"""How far back quarantine is looked at."""
RUN_SPANS: Final = (timedelta(minutes=30), timedelta(hours=6))
"""How far back runs are looked for: the second only where a stream has none in the first."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of the stack: one that drains a stream."""

    name: str
    event_type: str
    expression: str
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm: its name, its state in CloudWatch's word, what it means, and whether it tells."""

    name: str
    state: str
    description: str
    tells: bool = True


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A dead-letter queue: the output that names it, where it is, how many messages it has."""

    output: str
    url: str
    arn: str
    messages: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Events in quarantine that came in the last days.

    Attributes:
        prefix: Where they are, as an S3 URI.
        recent: How many.
        newest: When the last of them came.
        is_all: Whether all of the quarantine was listed.
    """

    prefix: str
    recent: int
    newest: datetime | None
    is_all: bool


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of the compaction: its ARN, its status in Step Functions' word, its start."""

    arn: str
    status: str
    started: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run over a stream, as its metrics tell it.

    Attributes:
        ended: When.
        end_reason: Why: ``idle``, ``limit``, ``window`` or ``failed``.
        received: How many events arrived.
        acked: How many of them were acknowledged.
        oldest_age_seconds: How old the oldest was on arrival; None where none arrived.
        error: What was wrong, of a run that failed.
        has_backlog: Whether it left events waiting, and another run is needed.
        refused: How many events were not taken, by who did not take them.
    """

    ended: datetime
    end_reason: str
    received: int
    acked: int
    oldest_age_seconds: float | None
    error: str = ""
    has_backlog: bool = False
    refused: tuple[tuple[str, int], ...] = ()
