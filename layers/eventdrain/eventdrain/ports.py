"""What the engine needs of the world, one small protocol each; ``adapters`` has the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from eventdrain.errors import with_hint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from eventdrain.delivery import Delivery


class Verdict(Enum):
    """What a refusal means for what comes next."""

    TRY_AGAIN = auto()
    """The same call may succeed later, without anybody's doing."""
    SLOW_DOWN = auto()
    """The same call may succeed later, if fewer are made at a time. Acks only."""
    LEAVE_EVENT = auto()
    """This event will not be taken, whatever is tried; others may."""
    RENEW_TOKEN = auto()
    """The same call may succeed with another access token."""
    END_RUN = auto()
    """No event will be taken before somebody acts."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not written or not acked. A value: it is one event's, not the run's.

    Attributes:
        code: The cause as the service names it, e.g. ``AccessDenied`` or ``UNAVAILABLE``.
        message: What failed, and why. Safe to log.
        verdict: What follows from it.
        is_about_access: Whether the event server does not let this client do it, or there is no
            token to ask with.
        hint: What to do; see ``DrainError``.
    """

    code: str
    message: str
    verdict: Verdict
    is_about_access: bool = False
    hint: str = ""

    def __str__(self) -> str:
        return with_hint(self.message, self.hint)


class Sink(Protocol):
    """A durable home for events: the archive or the outbox."""

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Refusal]:
        """Write deliveries of distinct events.

        When it returns, every event that is not in the result is durable. An event that is in
        the result may be durable all the same, for an answer can be lost: writing it again must
        do no harm.

        Returns:
            The refused events' ids, each with its refusal. Never raises for what a service
            answers or fails to answer.
        """
        ...


class Acker(Protocol):
    """Acknowledges deliveries at the event server."""

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Refusal | None]:
        """Acknowledge each delivery, concurrently, waiting for no longer than the time-out.

        Args:
            deliveries: Each with its ``ack_info``.
            token: The access token to call with; None to call without.
            timeout_seconds: How long to wait for the answers.

        Returns:
            For each delivery, in order, None if the server confirmed its ack, else why not. A
            refused ack may have happened all the same.
        """
        ...


class Connection(Protocol):
    """An open stream."""

    async def opened(self) -> None:
        """Wait until the nearest server is connected; that may be a gateway before the event API.

        Raises:
            StreamEnded, Unauthenticated, StreamRefused: It won't be.
        """
        ...

    async def probe(self) -> None:
        """Wait until the event API itself has answered, by a call that changes nothing.

        An open stream proves nothing: a gateway in front of an API that is down opens streams too,
        and a healthy server sends nothing before its first event.

        Raises:
            ApiSilent: No answer, or one that a gateway can give without the API.
        """
        ...

    async def receive(self) -> Sequence[bytes]:
        """Wait for messages, and give those that are there: one or more, in order.

        Raises:
            StreamEnded: The server closed or broke the stream.
            Unauthenticated: The server does not accept the token.
            StreamRefused: The server refuses the stream.
        """
        ...


class EventSource(Protocol):
    """Where events come from."""

    def connect(self, token: str | None) -> AbstractAsyncContextManager[Connection]:
        """Open a stream; leaving the context ends the call and frees what it held.

        Messages that the server has sent and nobody received are then delivered again, later.

        Args:
            token: The access token to call with; None to call without.
        """
        ...


class Authorization(Protocol):
    """Gives the access token that every call carries."""

    def token(self) -> str | None:
        """Give the token; None where the server is to be called without.

        Raises:
            TokenError: There is none.
        """
        ...

    def renew(self, rejected: str | None) -> bool:
        """Replace a token that the server does not accept: once in a run, if at all.

        Safe to call from several threads, and by several callers that were rejected at once.

        Args:
            rejected: The token that was not accepted.

        Returns:
            Whether there is another token to try.

        Raises:
            TokenError: The token endpoint gave none.
        """
        ...
