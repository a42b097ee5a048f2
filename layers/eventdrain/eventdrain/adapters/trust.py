"""Whose certificates are trusted."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

from botocore.httpsession import get_cert_path


@cache
def system_roots() -> bytes:
    """Give the system's root certificates as PEM; those that botocore has, if there are none."""
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    pem = "".join(map(ssl.DER_cert_to_PEM_cert, roots))
    return pem.encode() or Path(str(get_cert_path(verify=True))).read_bytes()
