"""HTTP calls over the AWS Common Runtime, and the certificates that they trust."""

from __future__ import annotations

from eventdrain.adapters.http.crt_http import CrtHttp, Response
from eventdrain.adapters.http.trust import (
    UnsendableRequest,
    UntrustedCertificate,
    certificate_problem,
    system_roots,
)

__all__ = [
    "CrtHttp",
    "Response",
    "UnsendableRequest",
    "UntrustedCertificate",
    "certificate_problem",
    "system_roots",
]
