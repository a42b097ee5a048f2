"""Minting one token for several scopes of which the endpoint may grant only some.

Endpoints differ in what they do with a scope that the client may not have: some grant the others
and say so (RFC 6749, section 5.1), some refuse the whole request with ``invalid_scope``. These
don't say which scope it was; so each is asked for alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from eventdrain.errors import ScopeRefused, TokenUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.credentials import ClientCredentials
    from eventdrain.token_ports import AccessToken, TokenEndpoint

_logger = logging.getLogger(__name__)

_AFTER_REFUSAL_SECONDS: Final = 1.0
"""The vendor's sample waits this long after an error; a client that doesn't is rate limited."""


def mint(
    endpoint: TokenEndpoint,
    credentials: ClientCredentials,
    scopes: tuple[str, ...],
    *,
    needed: str,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None],
) -> AccessToken:
    """Mint a token for as many of these scopes as the endpoint grants, be it none.

    A token without any scope is worth having. A stream that needs none is read with it; and when it
    is kept, it tells the runs to come that nothing is granted, so that they don't ask all over
    again. It is not asked for where ``needed`` is the only scope: nobody would go on with it, and
    one call a run is few enough to go on asking, so that a scope granted at last is had at once.

    Args:
        endpoint: Whom to ask.
        credentials: Who asks.
        scopes: Distinct ones, none empty.
        needed: The one without which the run can't go on; empty for none.
        seconds_left: Tells how long may be waited for the endpoint.
        sleep: Waits for so many seconds.

    Returns:
        The token; its scopes are those that were granted.

    Raises:
        ScopeRefused: The endpoint mints no token for any of the scopes, nor one without.
        TokenRefused: The endpoint refuses the client.
        TokenUnavailable: It can't be reached, answers in a way that may pass, or has not answered
            everything in time.
    """
    calls = _Calls(endpoint, credentials, seconds_left, sleep)
    try:
        return calls.mint(scopes)
    except ScopeRefused:
        if scopes in {(), (needed,)}:
            raise
        token = _mint_for_some(calls, scopes)
        if token is None:
            raise
        return token


def _mint_for_some(calls: _Calls, scopes: tuple[str, ...]) -> AccessToken | None:
    """Mint for those that are granted, of scopes that were refused together; None if all fails."""
    granted: dict[str, AccessToken] = {}
    if len(scopes) > 1:
        _logger.warning(
            "the token endpoint refuses the scopes %s together: each is asked for alone",
            " ".join(scopes),
        )
        for scope in scopes:
            token = calls.mint_if_granted((scope,))
            if token is not None:
                granted[scope] = token
    if len(granted) == 1:
        return next(iter(granted.values()))
    return calls.mint(tuple(granted)) if granted else calls.mint_if_granted(())


@dataclass(slots=True)
class _Calls:
    """Calls to the endpoint, one after the other, with a pause after each that was refused."""

    endpoint: TokenEndpoint
    credentials: ClientCredentials
    seconds_left: Callable[[], float]
    sleep: Callable[[float], None]
    was_refused: bool = False

    def mint(self, scopes: tuple[str, ...]) -> AccessToken:
        """Mint a token, and tell its scopes where the endpoint does not."""
        if self.was_refused:
            self._pause()
        try:
            token = self.endpoint.mint(
                self.credentials,
                " ".join(scopes),
                timeout_seconds=max(0.0, self.seconds_left()),
            )
        except ScopeRefused:
            self.was_refused = True
            raise
        self.was_refused = False
        return replace(token, scopes=scopes if token.scopes is None else token.scopes)

    def mint_if_granted(self, scopes: tuple[str, ...]) -> AccessToken | None:
        """Mint a token; None if the endpoint does not grant all of these scopes."""
        try:
            token = self.mint(scopes)
        except ScopeRefused:
            return None
        return token if token.scopes is not None and set(scopes) <= set(token.scopes) else None

    def _pause(self) -> None:
        if self.seconds_left() <= _AFTER_REFUSAL_SECONDS:
            raise TokenUnavailable(
                f"the token endpoint {self.endpoint.url} refuses some of this stack's scopes, and"
                " the run's time is over before it is known which: check at the vendor's portal"
                " which scopes the client of the credentials secret may have"
            )
        self.sleep(_AFTER_REFUSAL_SECONDS)
