"""What can go wrong, as one tree. The adapters map their SDK's errors to it at the edge.

::

    DrainError                  everything below; its text is safe to log
    ├── ConfigurationError      a setting is missing or can't work: ends the run before it starts
    ├── MalformedJson           a member of JSON from outside; caught by whoever reads it
    ├── CredentialsError        a secret is missing, empty or malformed: an operator must act
    ├── TokenError              the token endpoint gave no token
    │   ├── TokenRefused        and will not, before an operator acts
    │   │   └── ScopeRefused    for the client may not have a scope; others it may
    │   └── TokenUnavailable    but may, if asked again
    ├── StreamError             the event stream
    │   ├── StreamEnded         closed or broken by the server: opened again
    │   ├── ApiSilent           connected to something, but the event API does not answer
    │   ├── Unauthenticated     the server does not accept the token: renewed once
    │   └── StreamRefused       and opening it again would change nothing
    │       └── AccessRefused   for the client, or its token, may not read it
    ├── StartFailed             another run could not be started; this one goes on
    ├── UnreadableDelivery      one message cannot become a line: it goes to quarantine
    ├── DrainFailed             a run ended as failed; what its function raises
    ├── ArchiveReadError          the archive could not be read by a replay
    ├── UnreadableLine          an object or a line that a replay leaves out
    ├── ReplayFailed            a replay can't go on before somebody acts
    └── ReplayInterrupted              a replay ends before it is done; another run can go on

That a sink or the server did not take an event is no error but a value: ``Failure``.
A ``ValueError`` or ``TypeError`` of this package is a bug. An adapter raises its SDK's errors
within itself only. Nothing here carries a secret or personal data: no message contents, no token,
no secret's value.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final

_logger = logging.getLogger(__name__)

_BUG_HINT: Final = "report it with the log's lines about it"


def with_hint(reason: str, hint: str) -> str:
    """Return the text of an error; see ``DrainError``."""
    return f"{reason}. To fix this, {hint}." if hint else reason


class DrainError(Exception):
    """Any error of this package.

    Its text is ``reason`` alone, or ``reason. To fix this, hint.``; nobody parses it.

    Attributes:
        reason: What failed, and why. Safe to log.
        hint: What to do, as a clause that follows "To fix this,"; empty if there is nothing to do.
        setting: The setting, parameter or secret to look at, as the user knows it; empty for none.
    """

    def __init__(self, reason: str, *, hint: str = "", setting: str = "") -> None:
        super().__init__(with_hint(reason, hint))
        self.reason = reason
        self.hint = hint
        self.setting = setting


class ConfigurationError(DrainError):
    """One or more settings are missing or can't work."""


class MalformedJson(DrainError):
    """A member of a JSON object is missing or malformed; `setting` is its key."""


class CredentialsError(DrainError):
    """A secret is missing, empty or malformed; names the secret and the shape it should have."""


class TokenError(DrainError):
    """The token endpoint gave no token."""


class TokenRefused(TokenError):
    """The token endpoint refuses this client, and asking again would change nothing."""


class ScopeRefused(TokenRefused):
    """The token endpoint knows this client, but does not grant it a scope; names the scope."""


class TokenUnavailable(TokenError):
    """The token endpoint could not be reached, or answered in a way that may pass."""


class StreamError(DrainError):
    """The event stream could not be opened or read."""


class StreamEnded(StreamError):
    """The server closed or broke the stream; a new one may be opened."""


class ApiSilent(StreamError):
    """Something took the connection, but the event API behind it did not answer a probe."""


class Unauthenticated(StreamError):
    """The server does not accept the token."""


class StreamRefused(StreamError):
    """The server refuses the stream, and opening it again would change nothing."""


class AccessRefused(StreamRefused):
    """The server refuses this client: its token, or what that allows."""


def not_accepted() -> AccessRefused:
    """Return the error of a run whose token, or lack of one, the event server does not accept."""
    return AccessRefused(
        "the event server does not accept the access token, or that there is none, and there is no"
        " other to try",
        hint="check what the credentials secret holds, and that its client may read this stream",
    )


class StartFailed(DrainError):
    """Another run could not be started."""


class UnreadableDelivery(DrainError):
    """A message cannot become a line. Its reason is a short constant, fit for a log line."""


class DrainFailed(DrainError):
    """A drain ended as failed, after committing what it had."""


class FailureKind(Enum):
    """What a failure means for what comes next."""

    RETRYABLE = auto()
    """The same call may succeed later, without anybody's doing."""
    THROTTLED = auto()
    """The same call may succeed later, if fewer are made at a time. Acks only."""
    EVENT_REJECTED = auto()
    """This event will not be taken, whatever is tried; others may."""
    TOKEN_REJECTED = auto()
    """The same call may succeed with another access token."""
    FATAL = auto()
    """No event will be taken before somebody acts."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something was not written or not acked. A value: it is one event's, not the run's.

    Attributes:
        code: The cause as the service names it, e.g. ``AccessDenied`` or ``UNAVAILABLE``.
        message: What failed, and why. Safe to log.
        kind: What follows from it.
        is_about_access: Whether the event server does not let this client do it, or there is no
            token to ask with.
        hint: What to do; see ``DrainError``.
    """

    code: str
    message: str
    kind: FailureKind
    is_about_access: bool = False
    hint: str = ""

    def __str__(self) -> str:
        return with_hint(self.message, self.hint)


class ArchiveReadError(DrainError):
    """The archive did not answer as it should.

    Attributes:
        failure: Why, and what follows from it.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, hint=failure.hint)
        self.failure = failure


class UnreadableLine(DrainError):
    """Not a line of the archive, or not an object of lines. Its text quotes nothing of it."""


class ReplayFailed(DrainError):
    """The replay can't go on before somebody acts; another run can go on from its checkpoint."""


class ReplayInterrupted(DrainError):
    """The replay begins nothing more, although more is to be done.

    Attributes:
        end: Why.
    """

    def __init__(self, end: StrEnum) -> None:
        super().__init__(f"the replay ended early: {end.value}")
        self.end = end


ACCESS_ERRORS: Final = (CredentialsError, TokenError, AccessRefused)
"""Those that tell that the server can't be called as a client that it lets in."""


def note_unexpected(error: BaseException, what: str) -> DrainError:
    """Log where an unforeseen error was raised, without its text.

    A bug in one call must not throw away the report of all others, nor may the error's text be
    logged: it can quote the message that was processed.

    Args:
        error: The error.
        what: What it ended, e.g. "a write to the archive".

    Returns:
        The error for the report: the type of the unforeseen one, and what to do.
    """
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    name = type(error).__name__
    _logger.error("%s ended with an unexpected %s, raised at\n%s", what, name, frames)
    return DrainError(f"{what} ended with an unexpected {name}: a bug", hint=_BUG_HINT)


def unexpected_failure(error: BaseException, what: str) -> Failure:
    """Log an unforeseen error; return the failure of the deliveries of the call it ended."""
    noted = note_unexpected(error, what)
    return Failure(type(error).__name__, noted.reason, FailureKind.FATAL, hint=noted.hint)
