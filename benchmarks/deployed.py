"""Secrets and TLS, for runs that are measured as they are deployed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from eventdrain.adapters.http import system_roots
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREDENTIALS: Final = "credentials"
_TOKEN: Final = "token"
_UNUSED_ENDPOINT: Final = "https://127.0.0.1:1/oauth2/token"


class Certificate(NamedTuple):
    """The files of the servers' certificate, PEM.

    Attributes:
        chain: The private key and the certificates.
        roots: The system's root certificates and that of the servers' certificate.
    """

    chain: Path
    roots: Path


@contextmanager
def certificate() -> Iterator[Certificate]:
    """Issue a certificate for servers on 127.0.0.1."""
    import trustme  # noqa: PLC0415 - slow, and most measurements use no TLS

    authority = trustme.CA()
    with TemporaryDirectory() as folder:
        files = Certificate(Path(folder, "chain.pem"), Path(folder, "roots.pem"))
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(files.chain)
        files.roots.write_bytes(system_roots() + b"\n" + authority.cert_pem.bytes())
        yield files


def environment(trusted: Path) -> dict[str, str]:
    """Return the variables for a function that uses the secrets and trusts root certificates."""
    return {
        "AWS_CA_BUNDLE": str(trusted),
        "SSL_CERT_FILE": str(trusted),
        "CREDENTIALS_SECRET_ARN": _CREDENTIALS,
        "TOKEN_SECRET_ARN": _TOKEN,
        "TOKEN_ENDPOINT": _UNUSED_ENDPOINT,
    }


def secrets() -> dict[str, str]:
    """Return the secrets by ARN: a client's credentials, and a token for an hour."""
    now = datetime.now(UTC)
    scope = STREAMS[DEFAULT_EVENT_TYPE].scope
    client = {"client_id": "bench", "client_secret": "made-up"}
    token = {
        "access_token": "made-up",
        "scopes": [scope],
        "minted_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=1)).isoformat(),
        "minted_for": {"client_id": "bench", "scope": scope, "token_endpoint": _UNUSED_ENDPOINT},
    }
    return {_CREDENTIALS: json.dumps(client), _TOKEN: json.dumps(token)}
