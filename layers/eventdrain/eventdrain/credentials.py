"""What an operator puts into the credentials secret: a client's id and secret, or a bare token."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from eventdrain.errors import CredentialsError

SHAPE: Final = (
    'a JSON object, either {"client_id": "...", "client_secret": "..."}'
    ' or {"access_token": "..."} alone'
)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """An OAuth client that may mint tokens."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that was given to us and that we can't renew."""

    access_token: str = field(repr=False)


Credentials: TypeAlias = ClientCredentials | StaticToken


def parse_credentials(secret: str, *, name: str) -> Credentials:
    """Read the credentials secret.

    Args:
        secret: Its content.
        name: What to call the secret in errors.

    Raises:
        CredentialsError: It has not the shape that it should have; tells which keys are wrong,
            never what is in them.
    """
    content = _json(secret)
    if not isinstance(content, dict):
        raise CredentialsError(f"{name} is no JSON object: it must be {SHAPE}")
    for credentials, keys in (
        (ClientCredentials, {"client_id", "client_secret"}),
        (StaticToken, {"access_token"}),
    ):
        if content.keys() == keys:
            return credentials(**{key: _text(content[key], key, name) for key in keys})
    raise CredentialsError(f"{name} has not the keys that it should have: it must be {SHAPE}")


def _json(text: str) -> object:
    """Parse JSON; None if it is none, for the parser's own error holds the whole text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: object, key: str, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CredentialsError(f'"{key}" in {name} is empty or no text: it must be {SHAPE}')
    if not (value.isascii() and value.isprintable() and " " not in value.strip()):
        # It goes into a header of every call.
        raise CredentialsError(
            f'"{key}" in {name} has a space, a control character or a letter outside of ASCII:'
            " put it in again, as it was given"
        )
    return value.strip()
