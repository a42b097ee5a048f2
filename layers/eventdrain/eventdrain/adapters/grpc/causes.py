"""Causes of failed calls, recognised by the error texts of the gRPC library.

The gRPC library puts its own text in the same place as a server's. Only known texts of the library
are recognised, and only numbers are repeated, because a server's text may hold anything. The texts
are those of grpcio 1.85; ``tests/contract/test_grpc_causes.py`` checks them with the real library.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_SETTING: Final = "API_ENDPOINT"
ENDPOINT: Final = f"the parameter ApiEndpoint ({_SETTING})"

_ASK_OPERATOR: Final = f"ask the server's operator for a valid certificate; check {ENDPOINT}"
_ADDRESS: Final = f"check {ENDPOINT}, and the network between this function and the server"
_PROTOCOL: Final = f"check {ENDPOINT}, and whether a proxy interferes: the server must support gRPC"


class Cause(NamedTuple):
    """Why a call failed without a response of the event API.

    Attributes:
        reason: What happened, as a clause.
        hint: How to fix it; see ``DrainError``.
        is_permanent: Whether the failure persists until somebody acts.
        http_status: The HTTP status of a gateway's response; 0 if there was none.
    """

    reason: str
    hint: str = ""
    is_permanent: bool = False
    http_status: int = 0

    @property
    def setting(self) -> str:
        """The setting to check; see ``DrainError``."""
        return _SETTING if ENDPOINT in self.hint else ""


_NOT_CONNECTED: Final = re.compile(r"failed to connect to all addresses|errors resolving|DNS reso")
_NO_STATUS: Final = re.compile(r"Stream removed|Received RST_STREAM|No status received$")
_HTTP_STATUS: Final = re.compile(r"Received http2 header with status: (\d{3})", re.ASCII)

_NO_ALPN: Final = Cause("the event server supports TLS, but not HTTP/2 (no ALPN h2)", _PROTOCOL)
_NO_GRPC: Final = Cause(
    "a gateway, not the event API, sent a response without a gRPC status", _PROTOCOL
)
_WHY_NOT_CONNECTED: Final = (
    (
        "certificate has expired",
        Cause("the event server's certificate has expired", _ASK_OPERATOR, is_permanent=True),
    ),
    (
        "certificate is not yet valid",
        Cause("the event server's certificate is not valid yet", _ASK_OPERATOR, is_permanent=True),
    ),
    (
        "Hostname Verification Check failed",
        Cause(
            "the event server's certificate is for another name",
            f"check the name in {ENDPOINT}; if it is right, ask the server's operator for a"
            " certificate with that name",
            is_permanent=True,
        ),
    ),
    (
        "self signed certificate in certificate chain",
        Cause(
            "the event server's certificate is signed by an unknown authority",
            _ASK_OPERATOR,
            is_permanent=True,
        ),
    ),
    (
        "self signed certificate",
        Cause("the event server's certificate is self-signed", _ASK_OPERATOR, is_permanent=True),
    ),
    (
        "issuer certificate",
        Cause(
            "the event server's certificate is signed by an unknown authority",
            _ASK_OPERATOR,
            is_permanent=True,
        ),
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        Cause("the event server's certificate is not trusted", _ASK_OPERATOR, is_permanent=True),
    ),
    (
        "resol",
        Cause("the event server's name cannot be resolved", f"check the name in {ENDPOINT}"),
    ),
    (
        "HTTP proxy returned response code",
        Cause(
            "an HTTP proxy refuses connections to the event server",
            "check the variables http_proxy, https_proxy and no_proxy, and the proxy's rules",
        ),
    ),
    ("Connection refused", Cause("the event server refuses connections", _ADDRESS)),
    ("No route to host", Cause("there is no route to the event server", _ADDRESS)),
    ("Network is unreachable", Cause("there is no route to the event server", _ADDRESS)),
    (
        "WRONG_VERSION_NUMBER",
        Cause("the event server's port expects plaintext, not TLS", _PROTOCOL),
    ),
    ("missing selected ALPN property", _NO_ALPN),
    ("NO_APPLICATION_PROTOCOL", _NO_ALPN),
    ("http1.x server", Cause("the event server supports HTTP/1.1, not HTTP/2", _PROTOCOL)),
    ("Failed parsing HTTP/2", Cause("the event server does not support HTTP/2", _PROTOCOL)),
    ("Tls handshake failed", Cause("the TLS handshake with the event server fails", _PROTOCOL)),
    # A server that does not respond at the level of TCP, TLS and HTTP/2, in this order.
    ("tcp handshaker shutdown", Cause("connecting to the event server timed out", _ADDRESS)),
    ("timed out", Cause("connecting to the event server timed out", _ADDRESS)),
    ("Endpoint closing", Cause("connecting to the event server timed out", _ADDRESS)),
    ("reset by peer", Cause("the event server closes each connection immediately", _PROTOCOL)),
    ("Socket closed", Cause("the event server closes each connection immediately", _PROTOCOL)),
    ("", Cause("cannot connect to the event server", _ADDRESS)),
)
"""Parts of texts about failed connections, with their causes. The first match applies."""

_FEWER_CALLS: Final = (
    "use fewer connections (the parameters ParallelStreams and Pullers), or ask the operator of the"
    " server or the gateway for a higher limit"
)
_WHY_WITHOUT_STATUS: Final = (
    (
        "GOAWAY received; Error code: 11",
        Cause(
            "the server or a gateway limits pings or calls (GOAWAY ENHANCE_YOUR_CALM,"
            " too_many_pings)",
            "ask its operator to allow one ping per minute, even without active calls; or"
            f" {_FEWER_CALLS}",
        ),
    ),
    (
        "received metadata size exceeds",
        Cause(
            "the response's status is unknown because its metadata is too large",
            "ask the server's operator for the status; the server may have rejected the token",
        ),
    ),
    ("No status received", _NO_GRPC),
    # grpcio sometimes reports this instead of an HTTP status, which is then unknown.
    ("Data frame with END_STREAM flag received", _NO_GRPC),
    ("RST_STREAM", Cause("the server or a gateway reset the call")),
    ("", Cause("the connection broke")),
)
"""Likewise for texts about calls that broke off."""

_GATEWAY_HINTS: Final = {
    401: "check which credentials the gateway requires; the access token may be valid",
    403: "check whether the gateway's rules allow this client's address and calls",
    404: f"check {ENDPOINT}, and whether the gateway forwards gRPC to the event API",
    429: _FEWER_CALLS,
}


def cause_of(details: str | None, *, is_connected: bool = False) -> Cause | None:
    """Return the cause for a text of the gRPC library; None if the text may be the event API's.

    Args:
        details: The text of a call's status.
        is_connected: Whether a server was reached. A text about a failed connection then comes from
            the server and is about its own backend.
    """
    text = details or ""
    if found := _HTTP_STATUS.fullmatch(text):
        return _gateway(int(found[1]))
    if _NOT_CONNECTED.match(text) and not is_connected:
        return _first(_WHY_NOT_CONNECTED, text)
    if _NO_STATUS.match(text):
        return _first(_WHY_WITHOUT_STATUS, text)
    return None


def _first(causes: tuple[tuple[str, Cause], ...], text: str) -> Cause:
    return next(cause for words, cause in causes if words in text)


def _gateway(http_status: int) -> Cause:
    is_server_error = http_status // 100 == 5  # noqa: PLR2004 - RFC 9110, section 15.6
    suspects = "the gateway and the event API behind it" if is_server_error else ENDPOINT
    return Cause(
        f"a gateway, not the event API, answered HTTP {http_status}",
        _GATEWAY_HINTS.get(http_status, f"check {suspects}"),
        is_permanent=http_status in {403, 404},
        http_status=http_status,
    )
