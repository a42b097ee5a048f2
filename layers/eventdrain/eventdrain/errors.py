"""The engine's errors, as one tree. The adapters convert the errors of their SDKs to these.

::

    DrainError                  the base class; its text is safe to log
    ├── ConfigurationError      a setting is missing or invalid; the run does not start
    ├── CredentialsError        a secret is missing, empty or malformed; an operator must act
    │   └── CredentialsAwaited  a new stack has no credentials yet; the run ends without a failure
    ├── TokenError              the token endpoint minted no token
    │   ├── TokenRefused        retrying does not help; an operator must act
    │   │   └── ScopeRefused    the client does not have a scope
    │   └── TokenUnavailable    retrying may help
    ├── StreamError             the event stream could not be opened or read
    │   ├── StreamEnded         the server closed or broke the stream; it is reopened
    │   ├── ApiSilent           connected, but the event API does not respond
    │   ├── Unauthenticated     the server rejected the token; it is renewed once
    │   └── StreamRefused       reopening the stream does not help
    │       └── AccessRefused   the client or its token has no access
    ├── StartFailed             another run could not be started; this run continues
    ├── UnreadableDelivery      a message cannot be converted to a line; it is quarantined
    ├── DrainFailed             a run failed; raised by the function
    ├── ArchiveReadError        a replay could not read the archive
    ├── UnreadableLine          a replay skips an object or a line
    ├── ReplayFailed            a replay failed; an operator must act
    └── ReplayInterrupted       a replay ended early; another run can continue

If a sink fails to write an event, or the server rejects an ack, the result is a value and not an
error: ``Failure``. A ``ValueError`` or ``TypeError`` of this package is a bug. Errors of an SDK
never leave their adapter. No error holds a secret or personal data: no message contents, no tokens,
no secrets' values.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final

_logger = logging.getLogger(__name__)

_BUG_HINT: Final = "report this bug with the log lines about it"


def with_hint(reason: str, hint: str) -> str:
    """Return the text of an error from its reason and hint; see ``DrainError``."""
    return f"{reason}. To fix this, {hint}." if hint else reason


class DrainError(Exception):
    """The base class of this package's errors.

    The text is ``reason``, or ``reason. To fix this, hint.`` if there is a hint. Code uses the
    attributes and never parses the text.

    Attributes:
        reason: What failed, and why. Safe to log.
        hint: How to fix it, as a clause that follows "To fix this,"; may be empty.
        setting: The setting, parameter or secret to check, as the user knows it; may be empty.
    """

    def __init__(self, reason: str, *, hint: str = "", setting: str = "") -> None:
        super().__init__(with_hint(reason, hint))
        self.reason = reason
        self.hint = hint
        self.setting = setting


class ConfigurationError(DrainError):
    """One or more settings are missing or invalid."""


class CredentialsError(DrainError):
    """A secret is missing, empty or malformed. The error names the secret and its format."""


class CredentialsAwaited(CredentialsError):
    """Nothing was put into the credentials secret yet, which was created less than a day ago."""


class TokenError(DrainError):
    """The token endpoint minted no token."""


class TokenRefused(TokenError):
    """The token endpoint rejects the client, and retrying does not help."""


class ScopeRefused(TokenRefused):
    """The token endpoint does not grant the client a scope. The error names the scope."""


class TokenUnavailable(TokenError):
    """The token endpoint could not be reached or failed, and retrying may help."""


class StreamError(DrainError):
    """The event stream could not be opened or read."""


class StreamEnded(StreamError):
    """The server closed or broke the stream. It may be reopened."""


class ApiSilent(StreamError):
    """The connection was accepted, but the event API did not answer a probe."""


class Unauthenticated(StreamError):
    """The server rejected the access token."""


class StreamRefused(StreamError):
    """The server refuses the stream, and reopening it does not help."""


class AccessRefused(StreamRefused):
    """The server denies the client or its token access to the stream."""


def rejected_token() -> AccessRefused:
    """Return the error of a run whose token the event server rejects, with no other to try."""
    return AccessRefused(
        "the event server rejects the access token, or requires one and there is none",
        hint="check the credentials secret, and that its client has access to this stream",
    )


class StartFailed(DrainError):
    """Another run could not be started."""


class UnreadableDelivery(DrainError):
    """A message cannot be converted to a line. The reason is a constant text."""


class DrainFailed(DrainError):
    """A drain failed, after committing what it could."""


class FailureKind(Enum):
    """How to react to a failure."""

    RETRYABLE = auto()
    """A retry may succeed."""
    THROTTLED = auto()
    """A retry may succeed at a lower rate. Acks only."""
    EVENT_REJECTED = auto()
    """A retry does not help this event. Other events may succeed."""
    TOKEN_REJECTED = auto()
    """A retry with another access token may succeed."""
    FATAL = auto()
    """No call succeeds until an operator acts."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event was not written or not acked. A value, because it does not end the run.

    Attributes:
        code: The service's error code, such as ``AccessDenied`` or ``UNAVAILABLE``.
        message: What failed, and why. Safe to log.
        kind: How to react.
        is_about_access: Whether there is no token, or the event server denied access.
        hint: How to fix it; see ``DrainError``.
    """

    code: str
    message: str
    kind: FailureKind
    is_about_access: bool = False
    hint: str = ""

    def __str__(self) -> str:
        return with_hint(self.message, self.hint)


class ArchiveReadError(DrainError):
    """The archive could not be listed or read.

    Attributes:
        failure: The failure of the call.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, hint=failure.hint)
        self.failure = failure


class UnreadableLine(DrainError):
    """An archived line or object cannot be read. The text does not quote it."""


class ReplayFailed(DrainError):
    """The replay failed. Once the cause is fixed, another run can continue from the checkpoint."""


class ReplayInterrupted(DrainError):
    """The replay ended before it was complete.

    Attributes:
        end: The reason.
    """

    def __init__(self, end: StrEnum) -> None:
        super().__init__(f"the replay ended early: {end.value}")
        self.end = end


ACCESS_ERRORS: Final = (CredentialsError, TokenError, AccessRefused)
"""The errors that mean that there is no usable token or no access."""


def note_unexpected(error: BaseException, what: str) -> DrainError:
    """Log where an unexpected error was raised, without its text, which may quote a message.

    Args:
        error: The unexpected error.
        what: The operation that it ended, such as "a write to the archive".

    Returns:
        The error for the report, which names the type of the unexpected error.
    """
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    name = type(error).__name__
    _logger.error("%s failed with an unexpected %s, raised at\n%s", what, name, frames)
    return DrainError(f"{what} failed with an unexpected {name}", hint=_BUG_HINT)


def unexpected_failure(error: BaseException, what: str) -> Failure:
    """Log an unexpected error; return the failure for the deliveries of its call."""
    noted = note_unexpected(error, what)
    return Failure(type(error).__name__, noted.reason, FailureKind.FATAL, hint=noted.hint)
