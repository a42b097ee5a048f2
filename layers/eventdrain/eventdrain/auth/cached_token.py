"""The content of the token secret: an access token, and what it was minted for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from eventdrain.json_shape import Moment, Text, parse_json
from eventdrain.ports import AccessToken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventdrain.ports import ClientCredentials


class _Cached(Struct):
    access_token: Text
    scopes: tuple[Text, ...]
    minted_at: Moment
    expires_at: Moment
    minted_for: dict[str, str]
    undecided: tuple[Text, ...] | None = None
    """Scopes that earlier versions, which cached such tokens, had not requested."""


def minted_for(
    credentials: ClientCredentials, endpoint_url: str, scopes: Iterable[str]
) -> dict[str, str]:
    """Return what a token can be used for: a client, a token endpoint and a set of scopes."""
    return {
        "client_id": credentials.client_id,
        "scope": " ".join(sorted(scopes)),
        "token_endpoint": endpoint_url,
    }


def to_json(token: AccessToken, purpose: dict[str, str]) -> str:
    """Return the content of the token secret for a token, and for what it was minted."""
    fields = {
        "access_token": token.value,
        "scopes": token.scopes,
        "minted_at": token.minted_at,
        "expires_at": token.expires_at,
        "minted_for": purpose,
    }
    return json.dumps(fields, default=datetime.isoformat)


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
