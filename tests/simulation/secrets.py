"""Secrets Manager, and the token endpoint with the tokens that the event server accepts."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Never

from eventdrain.errors import (
    CredentialsError,
    FailureKind,
    ScopeRefused,
    TokenRefused,
    TokenUnavailable,
)
from eventdrain.ports import AccessToken
from tests.simulation.faults import STALE_SECRETS
from tests.simulation.machine import PROCESS
from tests.simulation.world import NO_TOKEN, SPARE_SECONDS, STARTED_AT, Call, Point, Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from eventdrain.errors import Failure
    from eventdrain.ports import ClientCredentials
    from tests.simulation.machine import T
    from tests.simulation.world import World

CREDENTIALS: Final = "arn:made-up:credentials"
_CALL_SECONDS: Final = 10.5
"""As in the adapter: two attempts of five seconds each, and half a second between them."""
_LONG_AGO_SECONDS: Final = 5.0
_CACHING_SECONDS: Final = 12.5
_LONGEST_LEAD: Final = timedelta(minutes=10)
"""How long before a token is needed anew it may be renewed."""
_MOST_SKEW_SECONDS: Final = 240
"""Of two clocks, between which a fault has been."""
_MOST_MINTED: Final = 2
"""One at the start, or early, and one after a rejection."""
TOKEN: Final = "arn:made-up:token"


class Secrets:
    """Secrets Manager, with all versions of each secret; see ``ports.SecretStore``.

    Attributes:
        is_stale: Whether reads return the version before the newest; a fault changes it.
        stored_at: When the newest version of each secret was stored.
    """

    is_stale: bool = False

    def __init__(self, world: World) -> None:
        self.world = world
        self._versions: dict[str, list[str]] = {CREDENTIALS: [], TOKEN: []}
        self.stored_at: dict[str, float] = {}

    def store(self, arn: str, content: str) -> None:
        """Add a version at once."""
        self._versions[arn].append(content)
        self.stored_at[arn] = self.world.time

    def newest(self, arn: str) -> str | None:
        """Return the content that a read returns now."""
        versions = self._versions.get(arn, ())
        if self.is_stale and len(versions) > 1:
            return versions[-2]
        return versions[-1] if versions else None

    def get(self, arn: str) -> str | None:
        """See ``ports.SecretStore``."""
        return self._call(Point.GET_SECRET, arn, lambda: self.newest(arn))

    def created_at(self, arn: str) -> datetime | None:
        """See ``ports.SecretStore``."""
        exists = arn in self._versions
        return self._call(Point.GET_SECRET, arn, lambda: STARTED_AT if exists else None)

    def put(self, arn: str, content: str) -> None:
        """See ``ports.SecretStore``."""
        run = PROCESS.get()
        if isinstance(run, Run) and run.to_store in content:
            run.to_store = ""

        def perform() -> None:
            if arn not in self._versions:
                raise CredentialsError(f"the call about {arn} failed: there is no such secret")
            self.store(arn, content)

        self._call(Point.PUT_SECRET, arn, perform)

    def _call(self, point: Point, arn: str, perform: Callable[[], T]) -> T:
        def failed(answer: Failure) -> Never:
            raise CredentialsError(f"the call about {arn} failed with {answer.code}")

        call = Call(point, perform, failed)
        return self.world.blocking_call(call, timeout_seconds=_CALL_SECONDS)


class Tokens:
    """The tokens: minted for a client, accepted by the event server.

    Args:
        world: The world.
        scopes: The client's scopes.

    Attributes:
        lifetime: The lifetime of tokens.
        needed_for: How long a token must last at the start of a run.
        is_accepting: Whether the event server accepts any token; a fault changes it.
        narrows: Whether other scopes are left out, instead of rejecting the whole request.
        minted: How many tokens were issued.
        rotated_at: When the client's secret was replaced; infinite if it was not.
        client_secret: The client's secret that the token endpoint accepts.
    """

    is_accepting: bool = True

    def __init__(self, world: World, scopes: tuple[str, ...]) -> None:
        self.world = world
        self._is_required = world.schedule.credentials != "none"
        self.lifetime = timedelta(seconds=world.schedule.token_seconds)
        self.needed_for = world.settings.window + timedelta(seconds=SPARE_SECONDS)
        self._scopes = scopes
        self.narrows = True
        self._expiries: dict[str | None, float] = {}
        self.minted = 0
        self.rotated_at = math.inf
        self.client_secret = "made-up-secret-1"

    def accepts(self, token: str | None) -> bool:
        """Return whether the event server accepts a token now."""
        if not self._is_required:
            return True
        return self.is_accepting and self.seconds_left(token) > 0

    def seconds_left(self, token: str | None) -> float:
        """Return for how long a token is good; negative if it is not."""
        return self._expiries.get(token, 0.0) - self.world.time

    def revoke_all(self) -> None:
        """Reject all tokens that were minted before."""
        self._expiries.clear()

    def note_rejected(self, token: str | None, run: Run) -> None:
        """Record that a run's call was rejected for its token."""
        self.world.note("server", "rejects the token of %s", run.name)
        run.rejected.add(token)
        expired_at = self._expiries.get(token, 0.0)
        is_old = expired_at < self.world.time and self.lifetime > self.needed_for
        if is_old and expired_at > run.opened_at + SPARE_SECONDS and not run.skew_seconds:
            self.world.violate(f"{run.name} uses a token that ends within its window")

    def issue(self) -> str:
        """Return a new token."""
        self.minted += 1
        token = f"made-up-token-{self.minted}"
        self._expiries[token] = self.world.time + self.lifetime.total_seconds()
        self.world.note("token server", "mints %s", token)
        return token

    def access_token(self, scope: str, minted_at: datetime) -> AccessToken:
        """Return a new token as the token endpoint's adapter does."""
        requested = scope.split()
        granted = tuple(each for each in requested if each in self._scopes)
        if len(granted) < len(requested) and not self.narrows:
            raise ScopeRefused(f"made up: {TokenEndpoint.url} refuses {scope}")
        return AccessToken(self.issue(), granted, minted_at, minted_at + self.lifetime)


class TokenEndpoint:
    """The token endpoint, for one run; see ``ports.TokenEndpoint``."""

    url = "https://made-up.invalid/token"

    def __init__(
        self, tokens: Tokens, secrets: Secrets, credentials: ClientCredentials, run: Run
    ) -> None:
        self.tokens = tokens
        self._secrets = secrets
        self._credentials = credentials
        self._run = run
        self.client_id = credentials.client_id

    def mint(self, scope: str, *, timeout_seconds: float) -> AccessToken:
        """See ``ports.TokenEndpoint``."""
        tokens, run = self.tokens, self._run
        if self._is_needless():
            tokens.world.violate(f"{run.name} mints a token, though a good one is cached")
        minted_at = tokens.world.wall_clock(run)  # when it is requested

        def perform() -> AccessToken:
            if self._credentials.client_secret != tokens.client_secret:
                is_old = tokens.rotated_at < run.opened_at - _LONG_AGO_SECONDS
                if is_old and not (tokens.world.struck[STALE_SECRETS] or run.slow_calls):
                    tokens.world.violate(f"{run.name} uses old credentials")
                run.slow_calls += 1
                if tokens.world.time < run.read_until:
                    run.needs["the client is rejected"] = (*NO_TOKEN, "NotAcked")
                raise TokenRefused("made up: invalid_client")
            return tokens.access_token(scope, minted_at)

        def failed(answer: Failure) -> AccessToken:
            if answer.kind is FailureKind.FATAL:
                raise TokenRefused("made up: invalid_client")
            raise TokenUnavailable("made up: 503")

        call = Call(Point.MINT, perform, failed)
        token = tokens.world.blocking_call(call, timeout_seconds=timeout_seconds)
        self._note(token)
        return token

    def _note(self, token: AccessToken) -> None:
        """Record what must happen with a new token."""
        tokens, run = self.tokens, self._run
        run.minted.append(token.value)
        if not token.lasts(tokens.needed_for, now=token.minted_at):
            run.needs["tokens are short-lived"] = ("TokenTooShort",)
        elif run.commit_until - tokens.world.time > _CACHING_SECONDS:
            run.to_store = token.value
        if len(run.minted) > _MOST_MINTED:
            tokens.world.violate(f"{run.name} mints one token after another")

    def _is_needless(self) -> bool:
        """Return whether the cached token is good and not due for its renewal."""
        tokens, run, secrets = self.tokens, self._run, self._secrets
        content = secrets.newest(TOKEN)
        has_causes = run.rejected or run.slow_calls or run.was_frozen
        if content is None or has_causes or secrets.stored_at[TOKEN] >= run.opened_at:
            return False
        lead = min(_LONGEST_LEAD, (tokens.lifetime - tokens.needed_for) / 4)
        seconds = tokens.seconds_left(json.loads(content)["access_token"])
        return seconds > (tokens.needed_for + lead).total_seconds() + _MOST_SKEW_SECONDS
