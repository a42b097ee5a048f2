"""What an operator puts into the credentials secret: a client's id and secret, or a bare token."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from eventdrain.errors import CredentialsError
from eventdrain.ports import ClientCredentials

_HINT: Final = (
    'put in a JSON object, either {"client_id": "...", "client_secret": "..."}'
    ' or {"access_token": "..."}'
)
_CLIENT: Final = frozenset({"client_id", "client_secret"})
_TOKEN: Final = "access_token"  # noqa: S105 - a key
_BESIDE_TOKEN: Final = frozenset({"expires_in", "scope", "token_type"})
"""What a token endpoint's answer has beside the token. Nobody knows when it was given, so that its
lifetime says nothing."""
_HARMLESS_KEY: Final = re.compile(r"[a-z]{1,13}(_[a-z]{1,13}){0,2}", re.ASCII)
"""Words. Any other key may be a secret that was pasted where a key belongs."""
_BYTE_ORDER_MARKS: Final = ("\ufeff", "\xef\xbb\xbf")
"""As it is, and as a program reads it that takes UTF-8 for Windows-1252."""


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that was given to us and that we can't renew."""

    access_token: str = field(repr=False)


Credentials: TypeAlias = ClientCredentials | StaticToken


def secret_text(content: str) -> str:
    """Return a secret's text without white space around it and without a byte order mark.

    Windows PowerShell writes the mark into every file that it saves as UTF-8.
    """
    text = content.strip()
    for mark in _BYTE_ORDER_MARKS:
        text = text.removeprefix(mark)
    return text.strip()


def parse_credentials(secret: str, *, name: str) -> Credentials:
    """Parse the credentials secret.

    A whole answer of a token endpoint is a token, too.

    Args:
        secret: Its content.
        name: What to call the secret in errors.

    Raises:
        CredentialsError: It has not the shape that it should have. Names the wrong keys, never
            what is in them.
    """
    content = _json(secret_text(secret))
    if not isinstance(content, dict):
        raise CredentialsError(f"{name} is not a JSON object", hint=_HINT, setting=name)
    if content.keys() == _CLIENT:
        return ClientCredentials(**{key: _text(content[key], key, name) for key in _CLIENT})
    if _TOKEN in content and content.keys() - _BESIDE_TOKEN == {_TOKEN}:
        token_type = content.get("token_type", "bearer")
        if str(token_type).lower() != "bearer":
            reason = f'"token_type" in {name} is not "bearer"'
            raise CredentialsError(reason, hint=_HINT, setting=name)
        return StaticToken(_text(content[_TOKEN], _TOKEN, name))
    raise CredentialsError(f"{name} {_wrong_keys(content)}", hint=_HINT, setting=name)


def _wrong_keys(content: dict[str, object]) -> str:
    expected = _CLIENT if _CLIENT & content.keys() or _TOKEN not in content else {_TOKEN}
    surplus = sorted(content.keys() - expected)
    named = [f'"{key}"' for key in surplus if _HARMLESS_KEY.fullmatch(key)]
    if hidden := len(surplus) - len(named):
        named.append(f"{hidden} that may be a secret and so is not shown")
    lists = {
        "missing": ", ".join(f'"{key}"' for key in sorted(expected - content.keys())),
        "unexpected": ", ".join(named),
    }
    keys = "; ".join(f"{kind} {names}" for kind, names in lists.items() if names)
    return f"has unexpected or missing keys: {keys}"


def _json(text: str) -> object:
    """Parse JSON; None if it is none, for the parser's own error holds the whole text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: object, key: str, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CredentialsError(
            f'"{key}" in {name} is empty or not a string', hint=_HINT, setting=name
        )
    if not (value.isascii() and value.isprintable() and " " not in value.strip()):
        # It goes into a header of every call.
        raise CredentialsError(
            f'"{key}" in {name} has a space, a control character or a letter outside of ASCII',
            hint="put it in again, as it was given",
            setting=name,
        )
    return value.strip()
