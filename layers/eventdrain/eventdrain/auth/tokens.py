"""The access token of a run: cached in a secret, shared by all runs of the stack, and renewed.

The vendor asks clients to reuse a token until it expires, and limits the rate of those that don't.
"""

from __future__ import annotations

import json
import logging
import random
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from eventdrain.auth.minting import mint
from eventdrain.errors import CredentialsError, ScopeRefused, TokenError
from eventdrain.json_shape import Moment, Text, parse_json
from eventdrain.ports import AccessToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from eventdrain.ports import SecretStore, TokenEndpoint
    from eventdrain.settings import Settings

_logger = logging.getLogger(__name__)

_SPARE: Final = timedelta(minutes=2)
"""How long a token must outlive the window. The vendor's own client renews this early."""
_LONGEST_LEAD: Final = timedelta(minutes=10)
_CACHING_SECONDS: Final = 12.0
"""Caching a token may take this long if Secrets Manager is slow."""


class _Cached(Struct):
    """The content of the token secret."""

    access_token: Text
    scopes: tuple[Text, ...]
    minted_at: Moment
    expires_at: Moment
    minted_for: dict[str, str]
    undecided: tuple[Text, ...] | None = None
    """Scopes that earlier versions, which cached such tokens, had not requested."""


def minted_for(endpoint: TokenEndpoint, scopes: Iterable[str]) -> dict[str, str]:
    """Return what a token can be used for: a client, a token endpoint and a set of scopes."""
    return {
        "client_id": endpoint.client_id,
        "scope": " ".join(sorted(scopes)),
        "token_endpoint": endpoint.url,
    }


def from_json(content: str, purpose: dict[str, str]) -> AccessToken | None:
    """Parse the content of the token secret; None if it is malformed or for another purpose."""
    cached = parse_json(content, _Cached)
    if cached is None or cached.minted_for != purpose or cached.undecided:
        return None
    try:
        moments = cached.minted_at.astimezone(UTC), cached.expires_at.astimezone(UTC)
    except OverflowError:
        return None
    return AccessToken(cached.access_token, cached.scopes, *moments)


def _to_json(token: AccessToken, purpose: dict[str, str]) -> str:
    fields = {
        "access_token": token.value,
        "scopes": token.scopes,
        "minted_at": token.minted_at,
        "expires_at": token.expires_at,
        "minted_for": purpose,
    }
    return json.dumps(fields, default=datetime.isoformat)


class TokenCache:
    """The token of one run, as a ``ports.Authorization``.

    A token is minted for the scopes of all streams and cached for all runs. In the last quarter of
    the time in which runs can start with it, at most 10 minutes, each run renews it with a
    probability of one to the number of runs. If all renewed it at once, the secret would have more
    versions than Secrets Manager keeps; see ``docs/decisions.md``.

    Args:
        settings: The settings of the run.
        secrets: Where the token is cached.
        endpoint: Mints tokens for the client.
        seconds_left: Returns how long the endpoint may be waited for.
        now: Returns the time, UTC.
        draw: Returns random numbers in [0, 1).

    Attributes:
        renewals_failed: How often the token could not be renewed early, or not be cached.
        tokens_too_short: How many new tokens expire too soon for other runs.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: SecretStore,
        endpoint: TokenEndpoint,
        seconds_left: Callable[[], float],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.renewals_failed = 0
        self.tokens_too_short = 0
        self._settings = settings
        self._purpose = minted_for(endpoint, settings.scopes)
        self._needed_for = settings.window + _SPARE
        self._secrets = secrets
        self._endpoint = endpoint
        self._seconds_left = seconds_left
        self._now = now
        self._draw = draw
        self._token: str | None = None
        self._rejected: set[str | None] = set()
        self._may_mint_again = True
        self._lock = Lock()

    def token(self) -> str:
        """Return the run's token: the cached one if it lasts for the window, else a new one.

        Raises:
            ScopeRefused: The client does not have the scope that this run's stream needs.
            TokenError: A new token is needed, and the endpoint mints none.
            CredentialsError: The token secret can't be read.
        """
        if self._token is None:
            cached = self._cached()
            self._token = self._checked(cached or self._mint())
            if cached is not None:
                self._token = self._renewed_early(cached).value
        return self._token

    def needs_no_renewal(self) -> bool:
        """Return whether the run has its token, or a cached one that is not due for renewal."""
        if self._token is None:
            cached = self._cached()
            if cached is not None and self._has_scope(cached) and not self._is_due(cached):
                self._token = cached.value
        return self._token is not None

    def renew(self, rejected: str | None) -> bool:
        """See ``ports.Authorization``. Takes what another run has cached before it mints."""
        with self._lock:
            if self._token is None:  # an earlier cache of this run had the rejected token
                self._token = rejected
            if self._token != rejected:
                return True
            if rejected in self._rejected:  # an earlier call has failed, and may have taken long
                return False
            self._rejected.add(rejected)
            try:
                token = self._cached()
            except CredentialsError as error:
                _logger.warning("could not read the cached token: %s", error)
                token = None
            if token is None and self._may_mint_again:
                self._may_mint_again = False
                token = self._mint()
            if token is not None:
                self._token = self._checked(token)
            return token is not None

    def _cached(self) -> AccessToken | None:
        """Return the cached token if it is for this stack, lasts, and was not rejected."""
        content = self._secrets.get(self._settings.token_secret_arn)
        if content is None:
            return None
        token = from_json(content, self._purpose)
        if token is None:
            _logger.warning(
                "a new token is minted: the cached one in %s is malformed, or for another client,"
                " token endpoint or set of streams",
                self._settings.token_secret_arn,
            )
            return None
        is_usable = token.lasts(self._needed_for, now=self._now())
        return token if is_usable and token.value not in self._rejected else None

    def _renewed_early(self, cached: AccessToken) -> AccessToken:
        """Return a new token if this run is drawn to renew the cached one, which else serves on.

        The token endpoint gets half of the time left. A new token that allows less is not used.
        """
        has_time = self._seconds_left() > _CACHING_SECONDS
        runs = len(self._settings.event_types) * self._settings.concurrent_runs
        if not (self._is_due(cached) and has_time and self._draw() * runs < 1):
            return cached
        try:
            return self._mint(share=0.5, allowing=cached.scopes)
        except TokenError as error:
            self.renewals_failed += 1
            _logger.warning("could not renew the cached token, which is still used: %s", error)
            return cached

    def _is_due(self, cached: AccessToken) -> bool:
        """Return whether the cached token is in the time in which runs renew it."""
        lead = min(_LONGEST_LEAD, (cached.lifetime - self._needed_for) / 4)
        return not cached.lasts(self._needed_for + lead, now=self._now())

    def _mint(self, *, share: float = 1.0, allowing: Sequence[str] = ()) -> AccessToken:
        """Mint a token in a share of the time left, and cache it if other runs can use it."""
        token, is_complete = mint(
            self._endpoint,
            self._settings.scopes,
            needed=self._settings.stream.scope,
            seconds=self._seconds_left() * share,
        )
        _logger.info("minted a new access token")
        if lost := " ".join(sorted({*allowing} - {*token.scopes})):
            raise ScopeRefused(f"the token endpoint {self._endpoint.url} no longer grants {lost}")
        if is_complete:
            self._cache(token)
        else:
            self.renewals_failed += 1
            _logger.warning(
                "the new token is not cached: %s did not say which of the streams' scopes it grants"
                " together, and each run requests its own",
                self._endpoint.url,
            )
        return token

    def _cache(self, token: AccessToken) -> None:
        """Cache a token if it lasts long enough. Failing to cache it does not stop the run."""
        if missing := " ".join(sorted({*self._settings.scopes} - {*token.scopes})):
            _logger.warning("the new token lacks scopes that were requested: %s", missing)
        if not token.lasts(self._needed_for, now=self._now()):
            self.tokens_too_short += 1
            _logger.warning(
                "the new token of %s is not cached: it expires after %.0f s, and a run needs one"
                " for %.0f s (WindowSeconds and two minutes). Each run mints its own, which the"
                " endpoint may limit. To fix this, have the vendor raise the lifetime of tokens, or"
                " lower WindowSeconds",
                self._endpoint.url,
                token.lifetime.total_seconds(),
                self._needed_for.total_seconds(),
            )
        elif self._seconds_left() > _CACHING_SECONDS:
            try:
                self._secrets.put(self._settings.token_secret_arn, _to_json(token, self._purpose))
            except CredentialsError as error:
                self.renewals_failed += 1
                _logger.warning("could not cache the new token: %s", error)

    def _checked(self, token: AccessToken) -> str:
        """Return the value of a token; raise ``ScopeRefused`` if it lacks this run's scope."""
        if self._has_scope(token):
            return token.value
        by = f", by {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""
        raise ScopeRefused(
            f"the token endpoint {self._endpoint.url} does not grant the scope"
            f" {self._settings.stream.scope}, which"
            " this run's stream needs, to the client of the credentials secret",
            hint=f"request it at the vendor's portal; it takes effect with the next token{by}",
        )

    def _has_scope(self, token: AccessToken) -> bool:
        """Return whether a token has the scope of this run's stream."""
        scope = self._settings.stream.scope
        return not scope or scope in token.scopes
