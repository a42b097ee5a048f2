"""Access tokens: where a run gets its token, and when it mints another.

A minted token is shared: it is kept in a secret of its own, so that every run of every stream, in
whichever environment, uses it until too little of its life is left. The vendor asks for that; a
client that mints for every run is rate limited. It is minted for the scopes of all streams; a run
whose own scope was not granted fails, the others go on. Where no one token can be had for all that
is granted, a run whose scope the kept one lacks mints a token for that alone, which is not kept.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final

from eventdrain.auth.cached_token import CachedToken, TokenSecret
from eventdrain.auth.credentials import parse_credentials
from eventdrain.auth.minting import mint
from eventdrain.errors import CredentialsError, ScopeRefused, TokenError
from eventdrain.ports import ClientCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventdrain.auth.minting import Minted
    from eventdrain.ports import AccessToken, SecretStore, TokenEndpoint

_logger = logging.getLogger(__name__)

_KEEPING_SECONDS: Final = 12.0
SPARE: Final = timedelta(minutes=2)
"""A token must outlive the window by this much: the vendor's own client renews that early."""


class NoAuthorization:
    """Calls without a token: the vendor's sandbox takes them."""

    def token(self) -> None:
        """Give none."""

    def renew(self, rejected: str | None) -> bool:  # noqa: ARG002 - the port's
        """Tell that there is none to be had."""
        return False


class TokenCache:
    """The token of one run, as a ``ports.Authorization``.

    All runs of a stack start by the same clock. If each renewed the cached token when it nears its
    end, each would mint and keep one in the same second, hour after hour; but Secrets Manager holds
    about a hundred versions of a secret, and drops none that is younger than a day. So one run
    *leads*: it renews while the cached token still does for the others, who then find a fresh one.
    Where nobody leads, or too late, each run still mints for itself. And where the endpoint refuses
    the scopes together, only the leader asks which of them are granted, and keeps the answer.

    Args:
        secrets: Where both secrets are.
        endpoint: Mints tokens.
        credentials_arn: The secret that the operator fills.
        token_arn: The secret that keeps the minted token.
        scopes: What tokens are asked to allow: the scopes of all streams that share the token, in
            any order; an empty one counts for nothing.
        scope: The one of them that this run's stream needs; empty for none.
        renews_early: Whether this run leads.
        needed_for: How long the token is needed from now.
        seconds_left: Tells how long may be waited for the endpoint.
        on_renewal_failed: Called when the cached token can't be renewed and is used on, or when a
            new one can't be cached.
        on_short_token: Called when a new token lives too short for other runs.
        now: Gives the time, UTC.
        sleep: Waits for so many seconds, between calls to the endpoint.

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
        scopes: Sequence[str],
        scope: str,
        renews_early: bool,
        needed_for: timedelta,
        seconds_left: Callable[[], float],
        on_renewal_failed: Callable[[], None] = lambda: None,
        on_short_token: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._secrets = secrets
        self._endpoint = endpoint
        self._credentials_arn = credentials_arn
        self._token_secret = TokenSecret(secrets, token_arn)
        self._scopes = tuple(sorted({each for each in scopes if each}))
        self._scope = scope
        self._renews_early = renews_early
        self._needed_for = needed_for + SPARE
        self._seconds_left = seconds_left
        self._on_renewal_failed = on_renewal_failed
        self._on_short_token = on_short_token
        self._now = now
        self._sleep = sleep
        content = secrets.get(credentials_arn)
        self._credentials = parse_credentials(
            content or "", name=f"the credentials secret {credentials_arn}"
        )
        self._token: str | None = None
        self._rejected: set[str | None] = set()
        self._may_renew = True
        self._renewing = Lock()

    def token(self) -> str:
        """Give the run's token: the kept one if it lives long enough, else a new one.

        Raises:
            ScopeRefused: It does not allow what this run's stream needs.
            TokenError: A new one was needed, and the endpoint gave none.
            CredentialsError: The secret that keeps the token can't be read.
        """
        if self._token is None:
            if isinstance(self._credentials, ClientCredentials):
                self._token = self._allowed(self._kept_or_minted(self._credentials))
            else:
                self._token = self._credentials.access_token
        return self._token

    def renew(self, rejected: str | None) -> bool:
        """See ``ports.Authorization``. A bare token that was given to us can't be renewed.

        What another run has renewed meanwhile is taken before another is minted.
        """
        with self._renewing:
            if self._token != rejected:
                return True
            if not isinstance(self._credentials, ClientCredentials):
                return False
            self._rejected.add(rejected)
            kept = self._kept_by_another(self._credentials)
            if kept is not None and self._scope not in kept.undecided:
                token = kept.as_access_token()
            elif not self._may_renew:
                return False
            else:
                self._may_renew = False
                token = self._minted(self._credentials, besides=kept)
            self._token = self._allowed(token)
            return True

    def _kept_or_minted(self, credentials: ClientCredentials) -> AccessToken:
        kept = self._kept(credentials)
        if kept is None or self._scope in kept.undecided:
            return self._minted(credentials, besides=kept)
        if self._may_lead and kept.nears_its_end(self._needed_for, now=self._now()):
            return self._renewed_early(credentials, kept)
        return kept.as_access_token()

    def _renewed_early(self, credentials: ClientCredentials, kept: CachedToken) -> AccessToken:
        """Mint another token for all runs; give the kept one where that serves them better."""
        # It is for others that it is renewed: half of the run's own time stays the run's.
        held_back = self._seconds_left() / 2
        try:
            minted = self._mint(credentials, self._scopes, lambda: self._seconds_left() - held_back)
        except TokenError as error:
            _logger.warning("the cached token is used on, as it can't be renewed yet: %s", error)
            self._on_renewal_failed()
            return kept.as_access_token()
        if minted.undecided and not kept.undecided:
            _logger.warning("the cached token is used on, as the new one serves fewer streams")
            return kept.as_access_token()
        self._keep(credentials, minted)
        return minted.token

    @property
    def _may_lead(self) -> bool:
        """Whether a token that is minted for others would reach them."""
        return self._renews_early and self._has_time_to_keep

    @property
    def _has_time_to_keep(self) -> bool:
        # To keep a token takes seconds, if Secrets Manager is slow: the run goes before.
        return self._seconds_left() > _KEEPING_SECONDS

    def _kept_by_another(self, credentials: ClientCredentials) -> CachedToken | None:
        try:
            kept = self._kept(credentials)
        except CredentialsError as error:
            _logger.warning("a new token is minted: %s", error)
            return None
        return None if kept is None or kept.value in self._rejected else kept

    def _kept(self, credentials: ClientCredentials) -> CachedToken | None:
        """Give the cached token if it is ours and lives long enough."""
        kept = self._token_secret.read()
        if kept is None or kept.minted_for != self._minted_for(credentials):
            return None
        return kept if kept.lasts(self._needed_for, now=self._now()) else None

    def _minted(
        self, credentials: ClientCredentials, *, besides: CachedToken | None
    ) -> AccessToken:
        """Mint a token for all runs and keep it; for this run only, besides a kept one."""
        if besides is not None:
            return self._mint(credentials, (self._scope,), self._seconds_left).token
        minted = self._mint(credentials, self._scopes, self._seconds_left)
        self._keep(credentials, minted)
        return minted.token

    def _mint(
        self,
        credentials: ClientCredentials,
        scopes: tuple[str, ...],
        seconds_left: Callable[[], float],
    ) -> Minted:
        minted = mint(
            self._endpoint,
            credentials,
            scopes,
            needed=self._scope,
            for_others=self._may_lead,
            seconds_left=seconds_left,
            sleep=self._sleep,
        )
        _logger.info("minted a new access token")
        had = {*(minted.token.scopes or ()), *minted.undecided}
        if missing := [scope for scope in scopes if scope not in had]:
            _logger.warning(
                "the new token is not granted all that was asked for: %s is missing",
                " ".join(missing),
            )
        return minted

    def _keep(self, credentials: ClientCredentials, minted: Minted) -> None:
        """Keep a token for the runs to come, if it is good for them.

        One that leaves scopes undecided is the leader's to keep: another run, which has not asked
        for the others' scopes, might replace one that tells more.
        """
        expires_at, now = minted.token.expires_at, self._now()
        if expires_at is None or expires_at - now < self._needed_for:
            self._warn_of_short_token(None if expires_at is None else expires_at - now)
            return
        if (minted.undecided and not self._renews_early) or not self._has_time_to_keep:
            return
        allowed = minted.token.scopes or ()
        kept = CachedToken(
            value=minted.token.value,
            scopes=tuple(scope for scope in self._scopes if scope in allowed),
            undecided=minted.undecided,
            minted_at=now,
            expires_at=expires_at,
            minted_for=self._minted_for(credentials),
        )
        if not self._token_secret.write(kept):
            self._on_renewal_failed()
        if kept.undecided:
            _logger.warning(
                "each run that needs %s mints a token of its own while this one is kept",
                " or ".join(kept.undecided),
            )

    def _warn_of_short_token(self, lifetime: timedelta | None) -> None:
        self._on_short_token()
        lives = "an unknown time" if lifetime is None else f"{lifetime.total_seconds():.0f} s"
        _logger.warning(
            "the new token of %s lives for %s, and is not kept, as a run needs one for %.0f s"
            " (WindowSeconds and two minutes): each run mints its own, which the endpoint may"
            " limit. To fix this, have the vendor raise the tokens' lifetime, or lower"
            " WindowSeconds",
            self._endpoint.url,
            lives,
            self._needed_for.total_seconds(),
        )

    def _allowed(self, token: AccessToken) -> str:
        """Give a token's value.

        Raises:
            ScopeRefused: It does not allow what this run's stream needs.
        """
        if not self._scope or self._scope in (token.scopes or ()):
            return token.value
        by = f", by {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""
        raise ScopeRefused(
            f"the token endpoint {self._endpoint.url} does not grant the scope {self._scope}, which"
            f" this run's stream needs, to the client of the credentials secret"
            f" {self._credentials_arn}",
            hint=f"ask for it at the vendor's portal; it takes effect with the next token{by}",
        )

    def _minted_for(self, credentials: ClientCredentials) -> dict[str, str]:
        """Tell what a token is good for, so that other credentials or scopes don't get it."""
        return {
            "client_id": credentials.client_id,
            "scope": " ".join(self._scopes),
            "token_endpoint": self._endpoint.url,
        }
