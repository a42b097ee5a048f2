"""The content of the token secret: an access token, and what it was minted for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eventdrain.errors import MalformedJson
from eventdrain.json_shape import json_object, optional, required
from eventdrain.ports import AccessToken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventdrain.ports import ClientCredentials


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
    fields = json_object(content) or {}
    try:
        token = AccessToken(
            value=required(fields, "access_token", str),
            scopes=tuple(required(fields, "scopes", list[str])),
            minted_at=_utc(fields, "minted_at"),
            expires_at=_utc(fields, "expires_at"),
        )
        # Earlier versions cached tokens for which not every scope had been requested.
        is_complete = not optional(fields, "undecided", list[str], None)
    except (MalformedJson, ValueError, OverflowError):
        return None
    return token if is_complete and fields.get("minted_for") == purpose else None


def _utc(fields: dict[str, Any], key: str) -> datetime:
    moment = datetime.fromisoformat(required(fields, key, str))
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)
