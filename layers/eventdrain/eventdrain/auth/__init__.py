"""Access tokens: the operator's credentials, the cached token, and minting another.

Also the key of pseudonyms, which is read from a secret like the credentials.
"""

from __future__ import annotations

from eventdrain.auth.cached_token import CachedToken
from eventdrain.auth.credentials import Credentials, StaticToken, parse_credentials
from eventdrain.auth.minting import mint
from eventdrain.auth.pseudonym_key import read_pseudonyms
from eventdrain.auth.tokens import NoAuthorization, TokenCache

__all__ = [
    "CachedToken",
    "Credentials",
    "NoAuthorization",
    "StaticToken",
    "TokenCache",
    "mint",
    "parse_credentials",
    "read_pseudonyms",
]
