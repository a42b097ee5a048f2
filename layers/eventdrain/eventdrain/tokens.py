"""Access tokens: where a run gets its token, and when it mints another.

A minted token is shared: it is kept in a secret of its own, so that every run, in whichever
environment, uses it until too little of its life is left. The vendor asks for that; a client that
mints for every run is rate limited.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol

from eventdrain.credentials import ClientCredentials, parse_credentials
from eventdrain.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger(__name__)

_KEEPING_SECONDS: Final = 12.0
SPARE: Final = timedelta(minutes=2)
"""A token must outlive the window by this much: the vendor's own client renews that early."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A minted token.

    Attributes:
        value: The token itself.
        expires_at: UTC; None where the endpoint did not say, so that it is good for this run only.
    """

    value: str = field(repr=False)
    expires_at: datetime | None


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

        Raises:
            TokenRefused: The endpoint refuses the client or the scope.
            TokenUnavailable: It can't be reached, or answers in a way that may pass.
        """
        ...


class NoAuthorization:
    """Calls without a token: the vendor's sandbox takes them."""

    def token(self) -> None:
        """Give none."""

    def renew(self, rejected: str | None) -> bool:  # noqa: ARG002 - the port's
        """Tell that there is none to be had."""
        return False


class TokenKeeper:
    """The token of one run, as a ``ports.Authorization``.

    Args:
        secrets: Where both secrets are.
        endpoint: Mints tokens.
        credentials_arn: The secret that the operator fills.
        token_arn: The secret that keeps the minted token.
        scope: What the token must allow.
        needed_for: How long the token is needed from now.
        seconds_left: Tells how long may be waited for the endpoint.
        now: Gives the time, UTC.

    Raises:
        CredentialsError: The credentials secret can't be read, is empty or malformed.
    """

    def __init__(
        self,
        *,
        secrets: SecretStore,
        endpoint: TokenEndpoint,
        credentials_arn: str,
        token_arn: str,
        scope: str,
        needed_for: timedelta,
        seconds_left: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._secrets = secrets
        self._endpoint = endpoint
        self._token_arn = token_arn
        self._scope = scope
        self._needed_for = needed_for + SPARE
        self._seconds_left = seconds_left
        self._now = now
        content = secrets.get(credentials_arn)
        self._credentials = parse_credentials(
            content or "", name=f"the credentials secret {credentials_arn}"
        )
        self._token: str | None = None
        self._may_renew = True
        self._renewing = Lock()

    def token(self) -> str:
        """Give the run's token: the kept one if it lives long enough, else a new one.

        Raises:
            TokenError: A new one was needed, and the endpoint gave none.
        """
        if self._token is None:
            if isinstance(self._credentials, ClientCredentials):
                self._token = self._kept(self._credentials) or self._mint(self._credentials)
            else:
                self._token = self._credentials.access_token
        return self._token

    def renew(self, rejected: str | None) -> bool:
        """See ``ports.Authorization``. A bare token that was given to us can't be renewed."""
        with self._renewing:
            if self._token != rejected:
                return True
            if not self._may_renew or not isinstance(self._credentials, ClientCredentials):
                return False
            self._may_renew = False
            self._token = self._mint(self._credentials)
            return True

    def _kept(self, credentials: ClientCredentials) -> str | None:
        content = self._secrets.get(self._token_arn)
        if content is None:
            return None
        try:
            kept = json.loads(content)
            minted_for, value = kept["minted_for"], kept["access_token"]
            expires_at = datetime.fromisoformat(kept["expires_at"])
            lives_on = expires_at - self._now() >= self._needed_for
        except (ValueError, KeyError, TypeError, RecursionError):
            # Not chained, not told in detail: the text may hold a token.
            _logger.warning("the kept token in %s is malformed: minting another", self._token_arn)
            return None
        if minted_for != self._minted_for(credentials) or not lives_on:
            return None
        return value if isinstance(value, str) and value else None

    def _mint(self, credentials: ClientCredentials) -> str:
        token = self._endpoint.mint(
            credentials, self._scope, timeout_seconds=max(0.0, self._seconds_left())
        )
        _logger.info("minted a new access token")
        # To keep it takes seconds, if Secrets Manager is slow: the run goes before.
        if token.expires_at is not None and self._seconds_left() > _KEEPING_SECONDS:
            content = {
                "access_token": token.value,
                "expires_at": token.expires_at.isoformat(),
                "minted_for": self._minted_for(credentials),
            }
            try:
                self._secrets.put(self._token_arn, json.dumps(content))
            except CredentialsError as error:
                # This run has its token; that the next one must mint again is no reason to stop.
                _logger.warning("the new token is not kept: %s", error)
        return token.value

    def _minted_for(self, credentials: ClientCredentials) -> dict[str, str]:
        """Tell what a token is good for, so that other credentials or scopes don't get it."""
        return {
            "client_id": credentials.client_id,
            "scope": self._scope,
            "token_endpoint": self._endpoint.url,
        }
