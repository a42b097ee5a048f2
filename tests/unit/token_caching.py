"""Token caches, and the token secret that they share."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from eventdrain.auth import TokenCache
from eventdrain.events import STREAMS
from eventdrain.settings import Settings
from tests.fakes import NOW, FakeSecretStore, FakeTokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.ports import SecretStore

SECRET: Final = "arn:token"
WINDOW: Final = timedelta(minutes=4)
NEEDED: Final = WINDOW + timedelta(minutes=2)
LIFETIME: Final = timedelta(hours=1)
CACHED: Final = "made-up-cached"
COUNTRY, FIRST, HANDSET, PERIODIC = sorted(
    stream.scope for stream in STREAMS.values() if stream.scope
)
SCOPES: Final = (COUNTRY, FIRST, HANDSET, PERIODIC)
NONE: Final = ""
"""The scope of the stream that needs none."""
_STREAM_OF: Final = {stream.scope: name for name, stream in STREAMS.items()}
_SETTINGS: Final = replace(
    Settings.from_env({"ARCHIVE_BUCKET": "made-up", "QUEUE_URL": "https://sqs.example/made-up"}),
    token_secret_arn=SECRET,
    window=WINDOW,
)


def store(content: str | None = None) -> FakeSecretStore:
    """Return a store whose token secret has this content; None for an empty one."""
    return FakeSecretStore({} if content is None else {SECRET: content})


def cache(
    secrets: SecretStore,
    endpoint: FakeTokenEndpoint,
    scope: str = HANDSET,
    *,
    scopes: tuple[str, ...] | None = None,
    concurrent_runs: int = 1,
    seconds_left: float = 200.0,
    draw: Callable[[], float] = lambda: 0.0,
) -> TokenCache:
    """Return the token cache of a run; its stream is the only one by default."""
    settings = replace(
        _SETTINGS,
        event_type=_STREAM_OF[scope],
        event_types=tuple(_STREAM_OF[each] for each in scopes or (scope,)),
        concurrent_runs=concurrent_runs,
    )
    return TokenCache(
        settings,
        secrets,
        endpoint,
        lambda: seconds_left,
        now=lambda: endpoint.now,
        draw=draw,
    )


def content(
    left: timedelta = LIFETIME,
    *,
    lifetime: timedelta = LIFETIME,
    requested: tuple[str, ...] = (HANDSET,),
    **changes: Any,
) -> str:
    """Return the content of the token secret, as an earlier run wrote it.

    Args:
        left: How long the token still lives.
        lifetime: How long it lived when it was minted.
        requested: The scopes that were requested, and granted.
        changes: Fields that differ.
    """
    fields = {
        "access_token": CACHED,
        "scopes": requested,
        "minted_at": NOW + left - lifetime,
        "expires_at": NOW + left,
        "minted_for": {
            "client_id": "made-up-id",
            "scope": " ".join(requested),
            "token_endpoint": FakeTokenEndpoint().url,
        },
    }
    return json.dumps(fields | changes, default=datetime.isoformat)


def cached_in(secrets: FakeSecretStore) -> dict[str, Any]:
    """Return the fields of the token secret."""
    fields: dict[str, Any] = json.loads(secrets.contents[SECRET])
    return fields
