"""How the event API is connected to, and what its answers mean."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import grpc

from eventdrain.adapters.grpc.causes import ENDPOINT, Cause, cause_of
from eventdrain.adapters.http import system_roots
from eventdrain.errors import (
    AccessRefused,
    ApiSilent,
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
    # gRPC has words for each answer that it can't read: UNKNOWN without any is a server's own.
    return code not in _GATEWAYS and cause_of(details) is None


def stream_error(
    code: grpc.StatusCode, *, scope: str, details: str | None, is_connected: bool
) -> StreamError:
    """Return what the end of a stream means.

    Args:
        code: The status that it ended with.
        scope: The OAuth scope that the stream needs; empty for none.
        details: The status's text; see ``grpc_causes``. It is not repeated.
        is_connected: Whether a server was reached.
    """
    if cause := cause_of(details, is_connected=is_connected):
        return _error_by(cause, code)
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthenticated("the event server does not accept the access token")
    if code in MAY_PASS:
        return StreamEnded(f"the stream ended with {code.name}")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        need = f"the scope {scope}" if scope else "access to this stream"
        return AccessRefused(
            f"the event server answers PERMISSION_DENIED: the client of the credentials secret"
            f" needs {need}",
            hint="ask for it at the vendor's portal",
        )
    return StreamRefused(
        f"the event server refuses the stream with {code.name}",
        hint=f"check {ENDPOINT}, the parameter EventTypes and the stream's settings",
        setting="API_ENDPOINT",
    )


def _error_by(cause: Cause, code: grpc.StatusCode) -> StreamError:
    kind: type[StreamError] = StreamEnded
    if cause.is_lasting:
        kind = StreamRefused
    elif code is grpc.StatusCode.UNAUTHENTICATED:
        kind = Unauthenticated  # a gateway's; it may be about the token
    reason = f"the stream ended with {code.name}: {cause.reason}"
    return kind(reason, hint=cause.hint, setting=cause.setting)


def silence(code: grpc.StatusCode, details: str | None) -> ApiSilent:
    """Return the error of a probe that the event API did not answer."""
    reason = f"the event API did not answer a probe: {code.name}"
    cause = cause_of(details)
    if cause is None:
        return ApiSilent(reason)
    return ApiSilent(f"{reason}: {cause.reason}", hint=cause.hint, setting=cause.setting)
