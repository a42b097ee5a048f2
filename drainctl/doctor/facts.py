"""The facts about a stack. None of them shows a secret when printed."""

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
"""How long the event server keeps events (vendor's documentation). Older events are lost."""
QUARANTINE_DAYS: Final = 7
"""For how many past days the quarantine is checked."""
RUN_SPANS: Final = (timedelta(minutes=30), timedelta(hours=6))
"""Time spans of the log to search for runs. The second is for streams without runs in the first."""


def scope_of(event_type: str) -> str:
    """Return the OAuth scope that a stream needs; empty for none."""
    stream = STREAMS.get(event_type)
    return "" if stream is None else stream.scope


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the stack or of a nested stack: its type, and its name or ARN."""

    kind: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function, as Lambda describes it.

    Attributes:
        duty: ``drain`` or ``replay``.
        update: The status of the last update.
        reason: Lambda's reason for the state or for that status; may be empty.
        layers: The number of layers.
        reserved: The reserved concurrency; None for no reservation.
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
    """The stack's KMS key: its state, and whether KMS rotates it."""

    arn: str
    state: str
    is_rotated: bool


@dataclass(frozen=True, slots=True)
class Topic:
    """The alarms' SNS topic and its numbers of subscriptions, without addresses."""

    arn: str
    confirmed: int
    pending: int


@dataclass(frozen=True, slots=True)
class StackCredentials:
    """The content of the credentials secret, and when it was last changed."""

    content: Credentials = field(repr=False)
    changed: datetime | None = None


class Origin(Enum):
    """The source of a token."""

    CACHED = "cached by the stack's runs"
    MINTED = "requested for this check"
    GIVEN = "in the credentials secret"
    NONE = "the stack calls without a token"


@dataclass(frozen=True, slots=True)
class Token:
    """A token to call the event API with.

    Attributes:
        value: The token; None if the stack uses none.
        why_minted: Why the cached token was not used.
        scopes: The granted scopes; None if unknown.
        is_complete: Whether each missing scope was rejected; False if the token endpoint did not
            answer for some.
        expires: The time of expiry; None if unknown.
    """

    origin: Origin
    value: str | None = field(default=None, repr=False)
    why_minted: str = ""
    scopes: tuple[str, ...] | None = None
    is_complete: bool = True
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """The event API's endpoint, and whether it uses TLS."""

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
        has_backlog: Whether the run left events waiting at the server.
        failed: The numbers of events that S3, SQS or the server's acks failed for.
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
    """A dead-letter queue: its output's name, its URL and ARN, and its number of messages."""

    output: str
    url: str
    arn: str
    messages: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """How many events were quarantined in the last days, and when the newest was.

    Attributes:
        prefix: The quarantine's folder, as an S3 URI.
        is_complete: Whether the whole quarantine was listed.
    """

    prefix: str
    recent: int
    newest: datetime | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm: its name, state and description, and whether its actions are enabled."""

    name: str
    state: str
    description: str
    notifies: bool = True


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of the compaction: its ARN, its status and its start time."""

    arn: str
    status: str
    started: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts about a stack.

    Attributes:
        now: When the questions were asked.
        version: The version of this checkout.
        functions: The drain function and the replay function.
        schedules: The schedules of the drain function.
        key: The KMS key; None if the stack uses AWS's own keys.
        credentials: The content of the credentials secret; None if the stack uses no token.
        token: The access token.
        reached: The event API's endpoint.
        streams: By event type, None if the stream was opened, otherwise why not.
        runs: The last runs of each stream, oldest first, by event type.
        topic: The alarms' topic; None if alarms notify nobody.
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
