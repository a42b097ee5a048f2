"""The root certificates that calls trust, and why a server's certificate is not trusted."""

from __future__ import annotations

import socket
import ssl
from functools import cache
from pathlib import Path
from typing import Final

_PROBE_SECONDS: Final = 2.0


def system_roots_file() -> Path | None:
    """Return the file of the system's root certificates; None if the system has no such file."""
    file = ssl.get_default_verify_paths().cafile
    return None if file is None else Path(file)


@cache
def system_roots() -> bytes:
    """Return the system's root certificates, PEM; botocore's if the system has none."""
    if file := system_roots_file():
        return file.read_bytes()
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    if roots:
        return "".join(map(ssl.DER_cert_to_PEM_cert, roots)).encode()
    from botocore.httpsession import get_cert_path  # noqa: PLC0415 - slow, and rarely needed

    return Path(str(get_cert_path(verify=True))).read_bytes()


def certificate_problem(host: str, port: int, roots: bytes) -> str | None:
    """Connect to a server, and return why its certificate is not trusted.

    Args:
        host: The server.
        port: The server's port.
        roots: The trusted root certificates, PEM.

    Returns:
        OpenSSL's reason, which quotes nothing but ``host``; None if the certificate is trusted or
        could not be received within seconds.
    """
    # As strict as the Common Runtime. Python's default context is stricter since 3.13: it rejects
    # certificate authorities that violate RFC 5280, as those of corporate proxies often do.
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
    except (OSError, ValueError):  # ValueError: the host name is invalid
        return None
