"""HTTP calls over the AWS Common Runtime, and the certificates that they trust."""

from __future__ import annotations

from eventdrain.adapters.http.crt_http import CrtHttp, Response
from eventdrain.adapters.http.errors import (
    ConnectionClosedError,
    HTTPClientError,
    MalformedResponse,
    ReadTimeoutError,
    SSLError,
    UnsendableRequest,
    UntrustedCertificate,
)
from eventdrain.adapters.http.trust import certificate_problem, system_roots, system_roots_file

__all__ = [
    "ConnectionClosedError",
    "CrtHttp",
    "HTTPClientError",
    "MalformedResponse",
    "ReadTimeoutError",
    "Response",
    "SSLError",
    "UnsendableRequest",
    "UntrustedCertificate",
    "certificate_problem",
    "system_roots",
    "system_roots_file",
]
