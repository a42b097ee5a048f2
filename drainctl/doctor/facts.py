"""What was asked, as values. None of them shows a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from drainctl.doctor.questions import Answer
    from drainctl.stack import Stack
    from eventdrain.auth import Credentials

HISTORY_MINUTES: Final = 30
"""How far back the event server goes: events that nobody read by then are lost (vendor's docs)."""
QUARANTINE_DAYS: Final = 7
"""How far back the quarantine is checked."""
RUN_SPANS: Final = (timedelta(minutes=30), timedelta(hours=6))
"""How far back runs are looked for; the second only if a stream has none in the first."""


def scope_of(event_type: str) -> str:
    """Return the OAuth scope that a stream needs; empty for none."""
    stream = STREAMS.get(event_type)
    return "" if stream is None else stream.scope


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the stack or of a stack nested in it: its type, and its name or ARN."""

    kind: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function, in Lambda's words.

    Attributes:
        duty: ``drain`` or ``replay``.
        update: The status of its last update.
        reason: For the state, or for that status.
        layers: How many it has.
        reserved: Its reserved concurrency; None for no reservation.
        account_left: The account's concurrency for functions without a reservation.
    """

    duty: str
    name: str
    state: str
    update: str
    reason: str
    layers: int
    timeout_seconds: int
    reserved: int | None
    account_left: int


@dataclass(frozen=True, slots=True)
class Key:
    """The KMS key that encrypts everything: its state, and whether KMS rotates it."""

    arn: str
    state: str
    is_rotated: bool


@dataclass(frozen=True, slots=True)
class Topic:
    """The SNS topic of the alarms, and how many subscriptions it has. Nobody's address."""

    arn: str
    confirmed: int
    pending: int


@dataclass(frozen=True, slots=True)
class StackCredentials:
    """The content of the credentials secret, and when it was last changed."""

    content: Credentials = field(repr=False)
    changed: datetime | None = None


class Origin(Enum):
    """Where a token comes from."""

    CACHED = "cached by the stack's runs"
    MINTED = "requested for this check"
    GIVEN = "in the credentials secret"
    NONE = "the stack calls without a token"


@dataclass(frozen=True, slots=True)
class Token:
    """A token to call the event API with.

    Attributes:
        value: The token; None for none.
        why_minted: Why the cached one was not used.
        scopes: Its scopes; None if they are not known.
        is_complete: Whether the scopes that it lacks were rejected.
        expires: When it expires, if that is known.
    """

    origin: Origin
    value: str | None = field(default=None, repr=False)
    why_minted: str = ""
    scopes: tuple[str, ...] | None = None
    is_complete: bool = True
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """The event API's address, and whether it offers TLS."""

    url: str
    is_secure: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that drains a stream."""

    name: str
    event_type: str
    expression: str
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One run over a stream, from its metrics.

    Attributes:
        end_reason: ``idle``, ``limit``, ``window`` or ``failed``.
        oldest_age_seconds: The age of the oldest event on arrival; None if none arrived.
        has_backlog: Whether it left events waiting, so that another run is needed.
        failed: How many events could not be written or acknowledged, by where.
    """

    ended: datetime
    end_reason: str
    received: int
    acked: int
    oldest_age_seconds: float | None
    error: str = ""
    has_backlog: bool = False
    failed: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A dead-letter queue: the output that names it, its URL and ARN, and its messages."""

    output: str
    url: str
    arn: str
    messages: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """How many events came into quarantine in the last days, and when the newest did.

    Attributes:
        prefix: Where they are, as an S3 URI.
        is_complete: Whether the whole quarantine was listed.
    """

    prefix: str
    recent: int
    newest: datetime | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm: its name, its state in CloudWatch, its description, and whether it notifies."""

    name: str
    state: str
    description: str
    notifies: bool = True


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of the compaction: its ARN, its status in Step Functions, its start."""

    arn: str
    status: str
    started: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was asked.

    Attributes:
        now: When.
        version: The version of this checkout.
        functions: The function that drains, and the one that replays.
        schedules: Those that drain.
        key: None if AWS's own keys encrypt.
        credentials: None if the stack calls without a token.
        token: The token to call with.
        reached: The event API's address.
        streams: By event type: None if the stream could be opened.
        runs: The last runs of each stream, oldest first, by event type.
        topic: None if alarms notify nobody.
        executions: The last executions of the compaction, newest first; None without compaction.
    """

    now: datetime
    version: str
    stack: Stack
    functions: Answer[tuple[Function, ...]]
    schedules: Answer[tuple[Schedule, ...]]
    key: Answer[Key | None]
    credentials: Answer[StackCredentials | None]
    token: Answer[Token]
    reached: Answer[Reached]
    streams: Mapping[str, Answer[None]]
    runs: Answer[Mapping[str, tuple[Run, ...]]]
    dead_letters: Answer[tuple[DeadLetters, ...]]
    quarantine: Answer[Quarantine]
    alarms: Answer[tuple[Alarm, ...]]
    topic: Answer[Topic | None]
    executions: Answer[tuple[Execution, ...] | None]
