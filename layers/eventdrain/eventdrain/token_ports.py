"""What the keeper of tokens needs of the world: whoever mints them, and whoever keeps secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from eventdrain.credentials import ClientCredentials


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A minted token.

    Attributes:
        value: The token itself.
        expires_at: UTC; None where the endpoint did not say, so that it is good for this run only.
        scopes: Those that were granted; None where the endpoint did not say, which means all that
            were asked for (RFC 6749, section 5.1).
    """

    value: str = field(repr=False)
    expires_at: datetime | None
    scopes: tuple[str, ...] | None = None


class SecretStore(Protocol):
    """Keeps secrets by their ARN."""

    def get(self, arn: str) -> str | None:
        """Read a secret; None if nothing was ever put into it.

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
    """Mints tokens by the client-credentials grant."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """Mint a token, in no more than the time given.

        Args:
            credentials: Who asks.
            scope: What for: scopes with a space between them, or empty.
            timeout_seconds: How long to wait.

        Returns:
            The token. It may have fewer scopes than were asked for.

        Raises:
            ScopeRefused: The endpoint mints no token, for the client may not have a scope.
            TokenRefused: The endpoint refuses the client.
            TokenUnavailable: It can't be reached, or answers in a way that may pass.
        """
        ...
