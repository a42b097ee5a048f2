"""What an operator puts into the credentials secret: a client's id and secret, or a token."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from eventdrain.errors import CredentialsAwaited, CredentialsError
from eventdrain.json_shape import parse_json
from eventdrain.ports import ClientCredentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.ports import SecretStore

_HINT: Final = (
    'put in a JSON object, either {"client_id": "...", "client_secret": "..."}'
    ' or {"access_token": "..."}'
)
_AWAITED_FOR: Final = timedelta(days=1)
"""How long a new stack may have no credentials before its runs fail."""
_CLIENT: Final = frozenset({"client_id", "client_secret"})
_TOKEN: Final = frozenset({"access_token"})
_BESIDE_TOKEN: Final = frozenset({"expires_in", "scope", "token_type"})
"""Ignored beside a token, so that the whole answer of a token endpoint can be put in."""
_HARMLESS_KEY: Final = re.compile(r"[a-z]{1,13}(_[a-z]{1,13}){0,2}", re.ASCII)
"""Words. Any other key may be a secret that was pasted in the place of a key."""


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that can't be renewed, as a ``ports.Authorization``; None calls without a token."""

    value: str | None = field(default=None, repr=False)
    renewals_failed: ClassVar[int] = 0
    tokens_too_short: ClassVar[int] = 0

    def token(self) -> str | None:
        """Return the token."""
        return self.value

    def needs_no_renewal(self) -> bool:
        """Return True: nobody knows when it expires."""
        return True

    def renew(self, rejected: str | None) -> bool:
        """Return whether this token differs from the rejected one."""
        return self.value != rejected


Credentials: TypeAlias = ClientCredentials | StaticToken


def secret_text(content: str) -> str:
    """Return a secret's text without white space around it and without a byte order mark.

    Windows PowerShell writes the mark into UTF-8 files; read as Windows-1252 it is three letters.
    """
    return content.strip().removeprefix("\ufeff").removeprefix("\xef\xbb\xbf").strip()


def read_credentials(
    secrets: SecretStore, arn: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Credentials:
    """Return the credentials in a secret.

    Args:
        secrets: Where it is.
        arn: The secret's ARN.
        now: Returns the time, UTC.

    Raises:
        CredentialsAwaited: Nothing was put in yet, and the secret is younger than a day.
        CredentialsError: It can't be read or is malformed; see ``parse_credentials``.
    """
    content = secrets.get(arn)
    if not content:  # Secrets Manager takes no empty text: nobody has put it in
        created = secrets.created_at(arn)
        if created is not None and now() - created < _AWAITED_FOR:
            raise CredentialsAwaited(f"there is nothing in the credentials secret {arn}")
    return parse_credentials(content or "", name=f"the credentials secret {arn}")


def parse_credentials(secret: str, *, name: str) -> Credentials:
    """Parse the content of the credentials secret, which errors call by a name.

    Raises:
        CredentialsError: It is malformed. The error names the wrong keys, and no value.
    """
    content = parse_json(secret_text(secret), dict[str, Any])
    if content is None:
        problem = f"{name} is not a JSON object"
    elif content.keys() == _CLIENT:
        return ClientCredentials(**{key: _text(content, key, name) for key in _CLIENT})
    elif content.keys() - _BESIDE_TOKEN != _TOKEN:
        problem = f"{name} has {_wrong_keys(content)}"
    elif str(content.get("token_type", "bearer")).lower() != "bearer":
        problem = f'"token_type" in {name} is not "bearer"'
    else:
        return StaticToken(_text(content, "access_token", name))
    raise CredentialsError(problem, hint=_HINT, setting=name)


def _wrong_keys(content: dict[str, Any]) -> str:
    expected = _CLIENT if _CLIENT & content.keys() or not _TOKEN & content.keys() else _TOKEN
    missing = [f'"{key}"' for key in sorted(expected - content.keys())]
    surplus = sorted(content.keys() - expected)
    named = [f'"{key}"' for key in surplus if _HARMLESS_KEY.fullmatch(key)]
    if hidden := len(surplus) - len(named):
        named.append(f"{hidden} that may be a secret and so is not shown")
    lists = {"missing": ", ".join(missing), "unexpected": ", ".join(named)}
    keys = "; ".join(f"{kind} {names}" for kind, names in lists.items() if names)
    return f"unexpected or missing keys: {keys}"


def _text(content: dict[str, Any], key: str, name: str) -> str:
    """Return a value that can be sent in a header."""
    value = content[key]
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        problem, hint = "is empty or not a string", _HINT
    elif not (text.isascii() and text.isprintable()) or " " in text:
        problem = "has a space, a control character or a character outside of ASCII"
        hint = "put it in again, exactly as the vendor gave it"
    else:
        return text
    raise CredentialsError(f'"{key}" in {name} {problem}', hint=hint, setting=name)
