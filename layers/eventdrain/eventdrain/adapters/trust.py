"""Whose certificates are trusted."""

from __future__ import annotations

import socket
import ssl
from functools import cache
from pathlib import Path
from typing import Final

from botocore.exceptions import SSLError
from botocore.httpsession import get_cert_path

_PROBE_SECONDS: Final = 2.0


class UntrustedCertificate(SSLError):  # noqa: N818 - it says what happened
    """A server's certificate is not trusted.

    Attributes:
        problem: Why, in OpenSSL's words.
    """

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(endpoint_url=url, error=ssl.SSLError(problem))
        self.problem = problem


@cache
def system_roots() -> bytes:
    """Give the system's root certificates as PEM; those that botocore has, if there are none."""
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    pem = "".join(map(ssl.DER_cert_to_PEM_cert, roots))
    return pem.encode() or Path(str(get_cert_path(verify=True))).read_bytes()


def certificate_problem(host: str, port: int, roots: bytes) -> str | None:
    """Connect, and return why a server's certificate is not trusted; None if it may be.

    Args:
        host: The server.
        port: Its port.
        roots: The certificates that are trusted, PEM.

    Returns:
        OpenSSL's reason, which quotes nothing but ``host``; None as well where no certificate is
        seen within seconds.
    """
    context = ssl.create_default_context(cadata=roots.decode())
    try:
        with (
            socket.create_connection((host, port), timeout=_PROBE_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")
    except OSError:
        return None
