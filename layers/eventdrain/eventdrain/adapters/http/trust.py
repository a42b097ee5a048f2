"""Whose certificates are trusted, and the errors of calls that no retry helps."""

from __future__ import annotations

import socket
import ssl
from functools import cache
from pathlib import Path
from typing import Final

from botocore.exceptions import HTTPClientError, SSLError
from botocore.httpsession import get_cert_path

_PROBE_SECONDS: Final = 2.0


class UntrustedCertificate(SSLError):
    """A server's certificate is not trusted.

    Attributes:
        problem: Why, in OpenSSL's words.
    """

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(endpoint_url=url, error=ssl.SSLError(problem))
        self.problem = problem


class UnsendableRequest(HTTPClientError):
    """A request that can't be sent, to whichever server; nothing was sent."""


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
    # No stricter than the Common Runtime, as Python's default is since 3.13: it refuses authorities
    # that don't hold to all of RFC 5280, which proxies of organisations often don't.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=roots.decode("ascii", errors="ignore"))
        with (
            socket.create_connection((host, port), timeout=_PROBE_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")
    except (OSError, ValueError):  # a host's name that can't be one is a ValueError
        return None
