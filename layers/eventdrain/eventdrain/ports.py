"""What the engine needs of the world, one small protocol each; ``adapters`` has the real ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime, timedelta

    from eventdrain.errors import Failure
    from eventdrain.events import Delivery


class Sink(Protocol):
    """A durable home for events, such as the archive or the queue."""

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """Write deliveries of distinct events.

        When it returns, every event that is not in the result is durable. An event that is in
        the result may be durable all the same, for an answer can be lost: writing it again must
        do no harm.

        Returns:
            The refused events' ids, each with its failure. Never raises for what a service
            answers or fails to answer.
        """
        ...


class Acker(Protocol):
    """Acknowledges deliveries at the event server."""

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Failure | None]:
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

    async def ended(self) -> NoReturn:
        """Wait until the stream ends.

        Raises:
            StreamEnded: The server closed or broke the stream.
            Unauthenticated: The server does not accept the token.
            StreamRefused: The server refuses the stream.
        """
        ...

    @property
    def unread(self) -> int:
        """How many messages have arrived and were not taken, also after the stream's end."""
        ...

    def take(self, most: int) -> Sequence[tuple[bytes, datetime]]:
        """Take the oldest messages, each with the UTC time of its arrival; none if there are none.

        This is the one queue between the socket and the drain: while it is full, nothing more is
        read, so that the server keeps the rest.
        """
        ...


class EventSource(Protocol):
    """Where events come from."""

    def connect(
        self, token: str | None, on_arrival: Callable[[], None]
    ) -> AbstractAsyncContextManager[Connection]:
        """Open a stream; leaving the context ends the call and closes its connection.

        Messages that the server has sent and nobody took are then delivered again, later.

        Args:
            token: The access token to call with; None to call without.
            on_arrival: Called on the event loop when messages have arrived since the last take.
        """
        ...


class Authorization(Protocol):
    """The access token that every call carries."""

    def token(self) -> str | None:
        """Return the token; None to call without.

        Raises:
            TokenError: There is none.
        """
        ...

    def renew(self, rejected: str | None) -> bool:
        """Replace a token that the server rejected, at most once in a run.

        May be called from several threads, and by several callers whose token was rejected.

        Args:
            rejected: The rejected token.

        Returns:
            Whether there is another token to try.

        Raises:
            TokenError: The token endpoint minted none.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """An OAuth client that may mint tokens."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token that the token endpoint minted.

    Attributes:
        value: The token itself.
        scopes: The granted scopes.
        minted_at: When it was requested, UTC.
        expires_at: UTC; None if the endpoint did not say.
    """

    value: str = field(repr=False)
    scopes: tuple[str, ...]
    minted_at: datetime
    expires_at: datetime | None

    @property
    def lifetime(self) -> timedelta:
        """From when it was requested; zero if the endpoint did not say."""
        return (self.expires_at or self.minted_at) - self.minted_at

    def lasts(self, needed_for: timedelta, *, now: datetime) -> bool:
        """Return whether it can be used for so long from now."""
        return self.expires_at is not None and self.expires_at - now >= needed_for


class SecretStore(Protocol):
    """Stores secrets by their ARN."""

    def get(self, arn: str) -> str | None:
        """Return the content of a secret; None if nothing was ever put into it.

        Raises:
            CredentialsError: It can't be read; names the secret and the cause.
        """
        ...

    def put(self, arn: str, content: str) -> None:
        """Write a secret.

        Raises:
            CredentialsError: It can't be written; names the secret and the cause.
        """
        ...


class TokenEndpoint(Protocol):
    """Mints access tokens by the client-credentials grant."""

    @property
    def url(self) -> str:
        """Its URL."""
        ...

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """Mint a token.

        Args:
            credentials: The client.
            scope: The requested scopes, separated by spaces; may be empty.
            timeout_seconds: How long to wait at most.

        Returns:
            The token. It may lack requested scopes.

        Raises:
            ScopeRefused: The endpoint mints no token, as the client does not have a scope.
            TokenRefused: The endpoint rejects the client.
            TokenUnavailable: The endpoint can't be reached, or may mint a token later.
        """
        ...


class Folder(NamedTuple):
    """Where the archive keeps the events of a stream and a UTC day. Sorts by day first.

    Attributes:
        day: As ``YYYY-MM-DD``.
        event_type: The stream's event type.
    """

    day: str
    event_type: str


class StoredObject(NamedTuple):
    """An object of lines.

    Attributes:
        key: Its key.
        size: In bytes, as it is stored.
    """

    key: str
    size: int


class ArchiveReader(Protocol):
    """The archive. Each call is made once; who calls decides whether to try again."""

    async def days(self, event_type: str) -> Sequence[str]:
        """Give the days that a stream has a folder for, in their order.

        Raises:
            ArchiveReadError: They can't be listed.
        """
        ...

    async def objects(self, folder: Folder, *, after: str) -> Sequence[StoredObject]:
        """Give the next objects of a folder, in the order of their keys; none at its end.

        Args:
            folder: Which folder.
            after: The key that they come after; empty to begin with the first.

        Raises:
            ArchiveReadError: They can't be listed.
        """
        ...

    async def read(self, key: str) -> bytes | None:
        """Give an object as it is stored; None if it is gone.

        Raises:
            ArchiveReadError: It can't be read.
        """
        ...
