"""The ports: one small protocol for each external service. ``adapters`` implements them."""

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
    """A durable destination for events, such as the archive or the queue."""

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """Write deliveries of distinct events.

        Returns:
            The failures by event id. Every event that is not in the result is durable. An event in
            the result may be durable too, because a response can be lost, so writing it again must
            be safe. Failures of a service are never raised.
        """
        ...


class Acker(Protocol):
    """Acknowledges deliveries at the event server."""

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Failure | None]:
        """Acknowledge deliveries concurrently.

        Args:
            deliveries: The deliveries, each with its ``ack_info``.
            token: The access token to call with; None to call without.
            timeout_seconds: How long to wait for the responses.

        Returns:
            For each delivery, in order, None if the server confirmed its ack, otherwise the
            failure. An ack with a failure may still have taken effect.
        """
        ...


class Connection(Protocol):
    """An open stream."""

    async def opened(self) -> None:
        """Wait until a server is connected. It may be a gateway in front of the event API.

        Raises:
            StreamEnded, Unauthenticated, StreamRefused: The stream could not be opened.
        """
        ...

    async def probe(self) -> None:
        """Make a call without side effects; return once the event API itself has responded.

        An open stream alone does not prove that the API is up: a gateway may open it while the API
        behind it is down, and a healthy API sends nothing before its first event.

        Raises:
            ApiSilent: There was no response, or a response that a gateway can send on its own.
        """
        ...

    async def ended(self) -> NoReturn:
        """Wait until the stream ends.

        Raises:
            StreamEnded: The server closed or broke the stream.
            Unauthenticated: The server rejected the token.
            StreamRefused: The server refused the stream.
        """
        ...

    @property
    def unread(self) -> int:
        """How many messages have arrived but were not taken, also after the stream has ended."""
        ...

    def take(self, limit: int) -> Sequence[tuple[bytes, datetime]]:
        """Take up to ``limit`` of the oldest messages, each with its arrival time, UTC.

        The connection holds the only queue between the socket and the drain. While the queue is
        full, nothing more is read from the socket, so that the server keeps the rest.
        """
        ...


class EventSource(Protocol):
    """Opens event streams."""

    def connect(
        self, token: str | None, on_arrival: Callable[[], None]
    ) -> AbstractAsyncContextManager[Connection]:
        """Open a stream. Leaving the context ends the call and closes the connection.

        The server later redelivers messages that it sent but that were not taken.

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

    def created_at(self, arn: str) -> datetime | None:
        """Return when a secret was created, UTC; None if it does not exist.

        Raises:
            CredentialsError: It can't be asked; names the secret and the cause.
        """
        ...

    def put(self, arn: str, content: str) -> None:
        """Write a secret.

        Raises:
            CredentialsError: It can't be written; names the secret and the cause.
        """
        ...


class TokenEndpoint(Protocol):
    """Mints access tokens for one client by the client-credentials grant.

    Attributes:
        url: The endpoint's URL.
        client_id: The client.
    """

    url: str
    client_id: str

    def mint(self, scope: str, *, timeout_seconds: float) -> AccessToken:
        """Mint a token.

        Args:
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
    """The archive folder of one stream and one UTC day. Folders sort by day first.

    Attributes:
        day: The day as ``YYYY-MM-DD``.
        event_type: The stream's event type.
    """

    day: str
    event_type: str


class StoredObject(NamedTuple):
    """An archive object of lines.

    Attributes:
        key: The object's key.
        size: The stored size in bytes.
    """

    key: str
    size: int


class ArchiveReader(Protocol):
    """Lists and reads the archive. It does not retry; the caller decides whether to."""

    async def days(self, event_type: str) -> Sequence[str]:
        """Return the days for which a stream has a folder, in ascending order.

        Raises:
            ArchiveReadError: The folders cannot be listed.
        """
        ...

    async def objects(self, folder: Folder, *, after: str) -> Sequence[StoredObject]:
        """Return the next page of a folder's objects, in the order of their keys.

        Args:
            folder: The folder.
            after: The key after which the page starts; empty for the first page.

        Returns:
            The objects; empty at the end of the folder.

        Raises:
            ArchiveReadError: The objects cannot be listed.
        """
        ...

    async def read(self, key: str) -> bytes | None:
        """Return an object's stored body; None if the object does not exist.

        Raises:
            ArchiveReadError: The object cannot be read.
        """
        ...
