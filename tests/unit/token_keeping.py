"""Keepers of tokens, and the two secrets that they read, for the tests of both."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from eventdrain.auth import TokenCache
from tests.fakes import NOW, FakeSecretStore, FakeTokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

CREDENTIALS: Final = "arn:credentials"
TOKEN: Final = "arn:token"
SCOPE: Final = "made.up:read"
WINDOW: Final = timedelta(minutes=4)
NEEDED: Final = WINDOW + timedelta(minutes=2)
LIFETIME: Final = timedelta(hours=1)
KEPT: Final = "kept-token"
CLIENT: Final = json.dumps({"client_id": "made-up-id", "client_secret": "made-up-secret"})
BARE: Final = json.dumps({"access_token": "bare-token"})


def kept(
    *,
    value: object = KEPT,
    expires_at: datetime | str = NOW + LIFETIME,
    minted_at: datetime | str | None = None,
    scopes: object = (SCOPE,),
    undecided: object = (),
    without: str = "",
    **minted_for: str,
) -> str:
    """Write a cached token as an earlier run did; what it was minted for may differ.

    It lived for :data:`LIFETIME` when it was minted, unless that is given.
    """
    if minted_at is None:
        minted_at = NOW if isinstance(expires_at, str) else expires_at - LIFETIME
    fields = {
        "access_token": value,
        "scopes": scopes,
        "undecided": undecided,
        "minted_at": minted_at if isinstance(minted_at, str) else minted_at.isoformat(),
        "expires_at": expires_at if isinstance(expires_at, str) else expires_at.isoformat(),
        "minted_for": {
            "client_id": "made-up-id",
            "scope": SCOPE,
            "token_endpoint": FakeTokenEndpoint().url,
        }
        | minted_for,
    }
    return json.dumps({name: field for name, field in fields.items() if name != without})


def store(*, credentials: str | None = CLIENT, token: str | None = None) -> FakeSecretStore:
    """Make a store with these two secrets; None for one that was never filled."""
    contents = {CREDENTIALS: credentials, TOKEN: token}
    return FakeSecretStore({arn: text for arn, text in contents.items() if text is not None})


def keeper(
    secrets: FakeSecretStore,
    endpoint: FakeTokenEndpoint | None = None,
    *,
    scopes: Sequence[str] | None = None,
    scope: str = SCOPE,
    renews_early: bool = False,
    now: datetime = NOW,
    seconds_left: float | Callable[[], float] = 30.0,
    sleep: Callable[[float], None] = lambda _: None,
    on_renewal_failed: Callable[[], None] = lambda: None,
    on_short_token: Callable[[], None] = lambda: None,
) -> TokenCache:
    """Make the keeper of a run; of the only stream, unless scopes are given."""
    return TokenCache(
        secrets=secrets,
        endpoint=endpoint or FakeTokenEndpoint(),
        credentials_arn=CREDENTIALS,
        token_arn=TOKEN,
        scopes=(scope,) if scopes is None else scopes,
        scope=scope,
        renews_early=renews_early,
        needed_for=WINDOW,
        now=lambda: now,
        seconds_left=seconds_left if callable(seconds_left) else lambda: seconds_left,
        sleep=sleep,
        on_renewal_failed=on_renewal_failed,
        on_short_token=on_short_token,
    )
