"""HTTPS calls over the AWS Common Runtime, and the certificates that they trust."""

from __future__ import annotations

from eventdrain.adapters.http.crt_http import Answer, CrtHttp
from eventdrain.adapters.http.trust import (
    UnsendableRequest,
    UntrustedCertificate,
    certificate_problem,
    system_roots,
)

__all__ = [
    "Answer",
    "CrtHttp",
    "UnsendableRequest",
    "UntrustedCertificate",
    "certificate_problem",
    "system_roots",
]
