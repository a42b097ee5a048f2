"""What gRPC's own texts mean: why a server is not reached, or why an answer is none of its own.

gRPC puts its text where a server's would stand. Only what it is known to write is recognised, and
of that no more than a number is repeated: nobody knows what a server's text holds. The texts are
those of grpcio 1.85; ``tests/contract/test_grpc_causes.py`` holds them to the real library.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_SETTING: Final = "API_ENDPOINT"
ENDPOINT: Final = f"the parameter ApiEndpoint ({_SETTING})"

_ASK_OPERATOR: Final = f"ask the server's operator for a valid certificate; check {ENDPOINT}"
_ADDRESS: Final = f"check {ENDPOINT}, and the network on the way there"
_PROTOCOL: Final = (
    f"check {ENDPOINT}, and whether a proxy is in the way: the server must speak gRPC"
)


class Cause(NamedTuple):
    """Why a call failed before the event API answered it, or without its answer.

    Attributes:
        reason: What happened, as a clause.
        hint: What to do, see ``DrainError``.
        is_lasting: Whether it stays so until somebody acts.
        http_status: What a gateway answered; 0 if it was no such answer.
    """

    reason: str
    hint: str = ""
    is_lasting: bool = False
    http_status: int = 0

    @property
    def setting(self) -> str:
        """The setting to look at, see ``DrainError``."""
        return _SETTING if ENDPOINT in self.hint else ""


_NOT_CONNECTED: Final = re.compile(r"failed to connect to all addresses|errors resolving|DNS reso")
_NO_STATUS: Final = re.compile(r"Stream removed|Received RST_STREAM|No status received$")
_HTTP_STATUS: Final = re.compile(r"Received http2 header with status: (\d{3})", re.ASCII)

_NO_ALPN: Final = Cause("the event server speaks TLS, but not HTTP/2 (no ALPN h2)", _PROTOCOL)
_NO_GRPC: Final = Cause("a gateway, not the event API, answered without a status", _PROTOCOL)
_WHY_NOT_CONNECTED: Final = (
    (
        "certificate has expired",
        Cause("the event server's certificate has expired", _ASK_OPERATOR, is_lasting=True),
    ),
    (
        "certificate is not yet valid",
        Cause("the event server's certificate is not valid yet", _ASK_OPERATOR, is_lasting=True),
    ),
    (
        "Hostname Verification Check failed",
        Cause(
            "the event server's certificate is for another name",
            f"check the name in {ENDPOINT}; if it is right, ask the server's operator for a"
            " certificate with that name",
            is_lasting=True,
        ),
    ),
    (
        "self signed certificate in certificate chain",
        Cause(
            "the event server's certificate is signed by an unknown authority",
            _ASK_OPERATOR,
            is_lasting=True,
        ),
    ),
    (
        "self signed certificate",
        Cause("the event server's certificate is self-signed", _ASK_OPERATOR, is_lasting=True),
    ),
    (
        "issuer certificate",
        Cause(
            "the event server's certificate is signed by an unknown authority",
            _ASK_OPERATOR,
            is_lasting=True,
        ),
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        Cause("the event server's certificate is not trusted", _ASK_OPERATOR, is_lasting=True),
    ),
    (
        "resol",
        Cause("the event server's name can't be resolved", f"check the name in {ENDPOINT}"),
    ),
    (
        "HTTP proxy returned response code",
        Cause(
            "an HTTP proxy on the way to the event server refuses the connection",
            "check the variables http_proxy, https_proxy and no_proxy, and the proxy's rules",
        ),
    ),
    ("Connection refused", Cause("the event server refuses connections", _ADDRESS)),
    ("No route to host", Cause("there is no route to the event server", _ADDRESS)),
    ("Network is unreachable", Cause("there is no route to the event server", _ADDRESS)),
    (
        "WRONG_VERSION_NUMBER",
        Cause("the event server's port does not speak TLS, but plaintext", _PROTOCOL),
    ),
    ("missing selected ALPN property", _NO_ALPN),
    ("NO_APPLICATION_PROTOCOL", _NO_ALPN),
    ("http1.x server", Cause("the event server speaks HTTP/1.1, not HTTP/2", _PROTOCOL)),
    ("Failed parsing HTTP/2", Cause("the event server does not speak HTTP/2", _PROTOCOL)),
    ("Tls handshake failed", Cause("the TLS handshake with the event server fails", _PROTOCOL)),
    # In this order: the words of TCP, of TLS and of HTTP/2 for a server that is silent.
    ("tcp handshaker shutdown", Cause("connecting to the event server timed out", _ADDRESS)),
    ("timed out", Cause("connecting to the event server timed out", _ADDRESS)),
    ("Endpoint closing", Cause("connecting to the event server timed out", _ADDRESS)),
    ("reset by peer", Cause("the event server closes each connection at once", _PROTOCOL)),
    ("Socket closed", Cause("the event server closes each connection at once", _PROTOCOL)),
    ("", Cause("the event server can't be connected to", _ADDRESS)),
)
"""What is in the text, and its meaning; the first that fits."""

_FEWER_CALLS: Final = (
    "use fewer connections (the parameters ParallelStreams and Pullers), or ask the operator of the"
    " server or its gateway for a higher limit"
)
_WHY_WITHOUT_STATUS: Final = (
    (
        "GOAWAY received; Error code: 11",
        Cause(
            "the server or a gateway asks for fewer pings or calls (GOAWAY ENHANCE_YOUR_CALM,"
            " too_many_pings)",
            f"ask its operator to allow a ping a minute, also without calls; or {_FEWER_CALLS}",
        ),
    ),
    (
        "received metadata size exceeds",
        Cause(
            "its status is unknown: the text that came with it is too long to be read",
            "ask the server's operator what it answers; a token that is not accepted is possible",
        ),
    ),
    ("No status received", _NO_GRPC),
    # Sometimes in place of HTTP's status too, which is then lost.
    ("Data frame with END_STREAM flag received", _NO_GRPC),
    ("RST_STREAM", Cause("the server or a gateway reset the call")),
    ("", Cause("the connection broke")),
)
"""Likewise for a call that was under way."""

_GATEWAY_HINTS: Final = {
    401: "check what the gateway asks for; the access token may be good",
    403: "check the gateway's rules: whether they let this client's address and calls through",
    404: f"check {ENDPOINT}, and whether the gateway forwards gRPC to the event API",
    429: _FEWER_CALLS,
}


def cause_of(details: str | None, *, is_connected: bool = False) -> Cause | None:
    """Return the cause that gRPC's own text names; None if the text may be the event API's.

    Args:
        details: The text of a call's status.
        is_connected: Whether a server was reached. Then what the text says about connecting is
            about a connection of that server's, whose gRPC wrote it: no fault of ours.
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
    blamed = "the gateway, and the event API behind it" if is_server_error else ENDPOINT
    return Cause(
        f"a gateway, not the event API, answered HTTP {http_status}",
        _GATEWAY_HINTS.get(http_status, f"check {blamed}"),
        is_lasting=http_status in {403, 404},
        http_status=http_status,
    )
