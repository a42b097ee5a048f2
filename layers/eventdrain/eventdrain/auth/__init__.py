"""Access tokens: the operator's credentials, the cached token, and minting a new one.

Also the key of pseudonyms, which is read from a secret like the credentials.
"""

from __future__ import annotations

from eventdrain.auth.credentials import (
    Credentials,
    StaticToken,
    parse_credentials,
    read_credentials,
)
from eventdrain.auth.minting import mint
from eventdrain.auth.pseudonym_key import read_pseudonyms
from eventdrain.auth.remembered_secrets import (
    REMEMBERED_FOR,
    RememberedSecrets,
    SecretMemory,
)
from eventdrain.auth.run_token import RunToken
from eventdrain.auth.tokens import TokenCache, from_json, minted_for

__all__ = [
    "REMEMBERED_FOR",
    "Credentials",
    "RememberedSecrets",
    "RunToken",
    "SecretMemory",
    "StaticToken",
    "TokenCache",
    "from_json",
    "mint",
    "minted_for",
    "parse_credentials",
    "read_credentials",
    "read_pseudonyms",
]
