"""The key of pseudonyms, read from its secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventdrain.auth.credentials import secret_text
from eventdrain.errors import CredentialsError
from eventdrain.events import Pseudonyms

if TYPE_CHECKING:
    from eventdrain.ports import SecretStore

LEAST_KEY_LETTERS: Final = 43
"""256 bits, where each letter or digit stands for six: as base64 writes them."""
_SETTING: Final = "PSEUDONYM_KEY_SECRET_ARN"


def read_pseudonyms(secrets: SecretStore, arn: str) -> Pseudonyms:
    """Return the pseudonyms for the key in a secret. The secret's text is the key, as UTF-8.

    Args:
        secrets: Where it is.
        arn: The secret's ARN.

    Raises:
        CredentialsError: It can't be read, or holds no key; names the setting.
    """
    try:
        key = secrets.get(arn)
    except CredentialsError as error:
        raise CredentialsError(
            f"{_SETTING}: {error.reason}", hint=error.hint, setting=_SETTING
        ) from None
    if key is None:
        raise CredentialsError(
            f"{_SETTING}: there is no key in {arn}",
            hint="restore the original key; with another key, new pseudonyms do not match those in"
            " the archive",
            setting=_SETTING,
        )
    key = secret_text(key)
    if len(key) < LEAST_KEY_LETTERS:
        raise CredentialsError(
            f"{_SETTING}: the key in {arn} is too short",
            hint=f"use a random text of {LEAST_KEY_LETTERS} letters and digits or more, such as the"
            " stack's own",
            setting=_SETTING,
        )
    return Pseudonyms(key.encode())
