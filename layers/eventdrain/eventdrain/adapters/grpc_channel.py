"""How the event API is connected to, and what its answers mean."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import grpc

from eventdrain.adapters.trust import system_roots
from eventdrain.errors import (
    AccessRefused,
    StreamEnded,
    StreamError,
    StreamRefused,
    Unauthenticated,
)

if TYPE_CHECKING:
    from eventdrain.settings import Endpoint

OPTIONS: Final = (
    # The vendor's gateway silently drops idle connections, asks for a ping every minute, also
    # without calls in flight, and answers more frequent ones with GOAWAY.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Without it a dead peer is noticed only after another minute (gRPC core, ping_timeout).
    ("grpc.http2.ping_timeout_ms", 10_000),
    # An event is a few hundred bytes; one that is absurdly large must not end the stream.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # A Lambda environment is frozen between runs, and what was connected then is dead after it.
    ("grpc.use_local_subchannel_pool", 1),
)

MAY_PASS: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
"""Codes after which the same call may succeed. All others are ours or the operator's to mend."""

_UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
_CAUSES: Final = {
    "DNS resolution failed": ": its name can't be resolved",
    "Connection refused": ": it takes no connections",
    "failed to connect": ": it can't be connected to",
}
"""What gRPC says of a server that it did not reach, and what we say of it."""

_GATEWAYS: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
"""Codes that a gateway gives as well, by itself, where the API behind it is down or not asked."""
_FOR_WANT_OF_ANOTHER: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL})
"""Codes that gRPC gives, too, to an answer that it can't read. Then it has few words for it."""
_NO_STATUS: Final = ("Received http2 header", "Received RST_STREAM", "Stream removed")
"""How gRPC begins its own text where an answer came without a status of gRPC's."""

Metadata = tuple[tuple[str, str], ...]


def target(endpoint: Endpoint) -> str:
    """Give the endpoint as gRPC names it."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}"


def call_metadata(token: str | None) -> Metadata:
    """Give what every call carries."""
    return () if token is None else (("authorization", f"Bearer {token}"),)


@cache
def channel_credentials() -> grpc.ChannelCredentials:
    """Trust the system's root certificates."""
    return grpc.ssl_channel_credentials(root_certificates=system_roots())


def is_answer(code: grpc.StatusCode, details: str | None) -> bool:
    """Return whether a call that failed was answered by the event API itself.

    Whatever a server does with a call that makes no sense, an error of its own says that it is
    there. A gateway's answer does not, nor does gRPC's own text about an answer without a status.
    """
    if code in _GATEWAYS or (code in _FOR_WANT_OF_ANOTHER and not details):
        return False
    return not (details or "").startswith(_NO_STATUS)


def stream_error(code: grpc.StatusCode, *, scope: str, details: str | None) -> StreamError:
    """Tell what the end of a stream means.

    Args:
        code: The status that it ended with.
        scope: The OAuth scope that the stream needs; empty for none.
        details: The status's text, if the server was not reached before. It is looked through for
            the words of gRPC's own, and not repeated: nobody knows what a server's text holds.
    """
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthenticated("the event server does not accept the access token")
    if details and _UNTRUSTED in details:
        return StreamRefused(
            "the event server's certificate is not signed by an authority that this system trusts:"
            " check API_ENDPOINT"
        )
    if code in MAY_PASS:
        cause = next((says for words, says in _CAUSES.items() if words in (details or "")), "")
        return StreamEnded(f"the stream ended with {code.name}{cause}")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        need = f"the scope {scope}" if scope else "access to this stream"
        return AccessRefused(
            f"the event server answers PERMISSION_DENIED: the client of the credentials secret"
            f" needs {need}; ask for it at the vendor's portal"
        )
    return StreamRefused(
        f"the event server refuses the stream with {code.name}: check API_ENDPOINT, EVENT_TYPES and"
        " the stream's settings"
    )
