"""Minting one access token for several scopes, of which the endpoint may grant only some.

Some endpoints grant what they can (RFC 6749, section 5.1). Others reject the whole request with
``invalid_scope`` and don't name the scope; then each scope is requested alone.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from eventdrain.errors import ScopeRefused, TokenError

if TYPE_CHECKING:
    from eventdrain.ports import AccessToken, TokenEndpoint

_logger = logging.getLogger(__name__)


def mint(
    endpoint: TokenEndpoint, scopes: tuple[str, ...], *, needed: str, seconds: float
) -> tuple[AccessToken, bool]:
    """Mint a token for as many of the scopes as the endpoint grants.

    Args:
        endpoint: The token endpoint.
        scopes: Distinct scopes, none empty.
        needed: The scope without which the run can't continue; empty for none.
        seconds: How long to wait. A request for other scopes takes at most half of what is left.

    Returns:
        The token, and whether all scopes that it lacks were refused. If not, the endpoint failed
        in between, or grants scopes only one by one.

    Raises:
        ScopeRefused: The endpoint refuses the needed scope, or mints no token for any scope.
        TokenError: The endpoint mints no token.
    """
    until = time.monotonic() + seconds

    def request(*wanted: str, share: float = 1.0) -> AccessToken:
        timeout = max(0.0, until - time.monotonic()) * share
        return endpoint.mint(" ".join(wanted), timeout_seconds=timeout)

    try:
        return request(*scopes), True
    except ScopeRefused:
        if scopes in {(), (needed,)}:
            raise
    _logger.warning("the token endpoint refuses the scopes together: each is requested alone")
    tokens = {needed: request(needed)} if needed else {}
    try:
        for scope in sorted({*scopes} - {needed}):
            with suppress(ScopeRefused):
                tokens[scope] = request(scope, share=0.5)
        if len(tokens) == 1:
            return next(iter(tokens.values())), True
        return request(*sorted(tokens), share=0.5), True
    except TokenError as error:
        if not tokens:
            raise
        _logger.warning("could not mint a token for all scopes that are granted: %s", error)
        return next(iter(tokens.values())), False
