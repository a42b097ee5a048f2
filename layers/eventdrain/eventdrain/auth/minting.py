"""Minting one token for several scopes of which the endpoint may grant only some.

Endpoints differ in what they do with a scope that the client may not have: some grant the others
and say so (RFC 6749, section 5.1), some refuse the whole request with ``invalid_scope``. These
don't say which scope it was, and a few refuse what they would grant alone. So after a failure each
scope is asked for alone, the run's own first: whatever becomes of the rest, the run has its token.

That takes a call for each scope, and an endpoint that is asked too often answers no one. So only
the run that leads asks for the others' scopes, and it stops at the first answer that is neither a
token nor a failure of the scope.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from eventdrain.errors import ScopeRefused, TokenError, TokenUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.ports import AccessToken, ClientCredentials, TokenEndpoint

_logger = logging.getLogger(__name__)

_AFTER_FAILURE_SECONDS: Final = 1.0
"""The vendor's sample waits this long after an error; a client that doesn't is rate limited."""

_NO_SCOPE: Final = ""


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and how much is known of what it lacks.

    Attributes:
        token: Its scopes are told, always.
        undecided: Scopes that it hasn't and that were not refused either: not asked for yet, or
            granted only without the others. What is in neither is refused.
    """

    token: AccessToken
    undecided: tuple[str, ...] = ()


def mint(
    endpoint: TokenEndpoint,
    credentials: ClientCredentials,
    scopes: tuple[str, ...],
    *,
    needed: str,
    for_others: bool,
    seconds_left: Callable[[], float],
    sleep: Callable[[float], None],
) -> Minted:
    """Mint a token for as many of these scopes as the endpoint grants, be it none.

    A token without any scope is worth having. A stream that needs none is read with it; and when it
    is kept, it tells the runs to come that nothing is granted, so that they don't ask all over
    again. It is not asked for where ``needed`` is the only scope: nobody would go on with it, and
    one call a run is few enough to go on asking, so that a scope granted at last is had at once.

    Args:
        endpoint: Whom to ask.
        credentials: Who asks.
        scopes: Distinct ones, none empty.
        needed: The one of them without which the run can't go on; empty for none.
        for_others: Whether to find out which scopes are granted when they are refused together.
            Else no more is asked for than what the run itself can go on with.
        seconds_left: Tells how long may be waited for the endpoint. What is asked for others takes
            half of it at the most.
        sleep: Waits for so many seconds.

    Returns:
        The token. It has what the run needs, unless that is refused.

    Raises:
        ScopeRefused: The endpoint mints no token that would be of use to anybody.
        TokenRefused: The endpoint refuses the client.
        TokenUnavailable: It can't be reached, answers in a way that may pass, or has not answered
            in time; and there is no token that the run could go on with.
    """
    calls = _Calls(endpoint, credentials, seconds_left, sleep)
    try:
        return Minted(calls.mint(scopes))
    except ScopeRefused as error:
        if scopes in {(), (needed,)}:
            raise
        _logger.warning(
            "the token endpoint refuses %s: %s",
            " ".join(scopes),
            "each scope is asked for alone" if for_others else "the run asks for its own alone",
        )
        apart = _Apart(calls, scopes)
        if len(scopes) == 1:
            apart.failures[scopes[0]] = error
        minted = apart.mint(needed, for_others=for_others)
        if minted is None:
            raise apart.failures.get(needed, error) if needed else error from None
        return minted


@dataclass(slots=True)
class _Apart:
    """What is known of scopes that were refused together, each asked for alone.

    Attributes:
        scopes: Those.
        granted: A token for each scope that is granted, in the order asked.
        failures: An error for each that is not.
    """

    calls: _Calls
    scopes: tuple[str, ...]
    granted: dict[str, AccessToken] = field(default_factory=dict)
    failures: dict[str, ScopeRefused] = field(default_factory=dict)

    def mint(self, needed: str, *, for_others: bool) -> Minted | None:
        """See :func:`mint`; None if whatever was asked for is refused.

        Raises:
            TokenError: There is no token to go on with, for another reason.
        """
        self._ask(needed)
        tokens: list[AccessToken] = []
        try:
            if for_others:
                self.calls.keep_half_of_the_time()
                self._ask_for_each()
                tokens += self._mint_together()
            elif not needed:
                self._ask_for_any()
        except TokenError as error:
            if not needed and not self.granted:
                raise
            _logger.warning("not every scope could be asked for: %s", error)
        tokens += self.granted.values()
        token = max(tokens, key=lambda each: (_allows(each, needed), _count(each)), default=None)
        return None if token is None else Minted(token, self._undecided(token))

    def _ask_for_each(self) -> None:
        for scope in self.scopes:
            self._ask(scope)
        if not self.granted:
            self._ask(_NO_SCOPE)

    def _ask_for_any(self) -> None:
        for scope in self.scopes:
            if self.granted:
                return
            self._ask(scope)

    def _ask(self, scope: str) -> None:
        """Ask for a scope, unless its answer is known."""
        if scope in self.granted or scope in self.failures:
            return
        try:
            token = self.calls.mint((scope,) if scope else ())
        except ScopeRefused as error:
            self.failures[scope] = error
            return
        if _allows(token, scope):
            self.granted[scope] = token
        else:
            self.failures[scope] = ScopeRefused(
                f"the token endpoint {self.calls.endpoint.url} mints a token for {scope} that does"
                " not allow it",
                hint="ask for the scope at the vendor's portal",
            )

    def _mint_together(self) -> list[AccessToken]:
        """Mint one token for all that are granted; none where that is needless or was refused."""
        granted = tuple(scope for scope in self.scopes if scope in self.granted)
        return [self.calls.mint(granted)] if 1 < len(granted) < len(self.scopes) else []

    def _undecided(self, token: AccessToken) -> tuple[str, ...]:
        return tuple(
            scope
            for scope in self.scopes
            if scope not in self.failures and not _allows(token, scope)
        )


@dataclass(slots=True)
class _Calls:
    """Calls to the endpoint, one after the other, with a pause after each that was refused."""

    endpoint: TokenEndpoint
    credentials: ClientCredentials
    seconds_left: Callable[[], float]
    sleep: Callable[[float], None]
    held_back: float = 0.0
    was_refused: bool = False

    def mint(self, scopes: tuple[str, ...]) -> AccessToken:
        """Mint a token, and tell its scopes where the endpoint does not."""
        if self.was_refused:
            self._pause()
        try:
            token = self.endpoint.mint(
                self.credentials, " ".join(scopes), timeout_seconds=max(0.0, self._seconds_left())
            )
        except ScopeRefused:
            self.was_refused = True
            raise
        self.was_refused = False
        return replace(token, scopes=scopes if token.scopes is None else token.scopes)

    def keep_half_of_the_time(self) -> None:
        """Leave half of the time that there is now."""
        self.held_back = self.seconds_left() / 2

    def _seconds_left(self) -> float:
        return self.seconds_left() - self.held_back

    def _pause(self) -> None:
        if self._seconds_left() <= _AFTER_FAILURE_SECONDS:
            raise TokenUnavailable(
                f"the token endpoint {self.endpoint.url} refuses some of this stack's scopes, and"
                " the run's time is over before it is known which",
                hint="check at the vendor's portal which scopes the client of the credentials"
                " secret may have",
            )
        self.sleep(_AFTER_FAILURE_SECONDS)


def _count(token: AccessToken) -> int:
    return len(token.scopes or ())


def _allows(token: AccessToken, scope: str) -> bool:
    return not scope or scope in (token.scopes or ())
