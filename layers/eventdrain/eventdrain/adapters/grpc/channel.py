"""gRPC channel options, and conversion of gRPC statuses to the engine's errors."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

import grpc

from eventdrain.adapters.grpc.causes import ENDPOINT, Cause, cause_of
from eventdrain.adapters.http import system_roots, system_roots_file
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
    # The vendor's gateway silently drops idle connections. It requires a ping every minute, even
    # without active calls, and responds to more frequent pings with GOAWAY.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Otherwise a dead connection is detected a minute later (gRPC core, ping_timeout).
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Events have a few hundred bytes. The limit is generous so that no event ends the stream.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # Do not share connections between runs: they die while a Lambda environment is frozen.
    ("grpc.use_local_subchannel_pool", 1),
)

RETRYABLE_CODES: Final = frozenset(
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
"""Codes after which a retry may succeed."""

_GATEWAYS: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
"""Codes that a gateway may send on its own, without a response from the API behind it."""

_DEFAULT_ROOTS: Final = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"

Metadata = tuple[tuple[str, str], ...]


def target(endpoint: Endpoint) -> str:
    """Return the endpoint as a gRPC target."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}"


def call_metadata(token: str | None) -> Metadata:
    """Return the metadata of every call."""
    return () if token is None else (("authorization", f"Bearer {token}"),)


@cache
def channel_credentials() -> grpc.ChannelCredentials:
    """Return channel credentials that trust the system's root certificates.

    gRPC parses its default roots once in a process, and all others again for each connection, which
    takes a quarter of a quiet run's CPU time.
    """
    # gRPC would use roots of its own in place of a file that is empty or can't be read.
    if (file := system_roots_file()) and system_roots():
        os.environ[_DEFAULT_ROOTS] = str(file)  # read when the first connection is opened
        return grpc.ssl_channel_credentials()
    return grpc.ssl_channel_credentials(root_certificates=system_roots())


@cache
def keep_grpc_running() -> grpc.Channel:
    """Keep gRPC's threads for the process. Without any channel, it ends them, and starts them anew.

    That takes a third of a quiet run's CPU time. The channel returned never connects.
    """
    return grpc.insecure_channel("localhost:1")


def is_api_response(code: grpc.StatusCode, details: str | None) -> bool:
    """Return whether the error of a call came from the event API itself.

    Any error of the API proves that it is up. Errors of a gateway and of the gRPC library do not.
    """
    # The gRPC library always adds a text, so UNKNOWN without a text comes from a server.
    return code not in _GATEWAYS and cause_of(details) is None


def stream_error(
    code: grpc.StatusCode, *, scope: str, details: str | None, is_connected: bool
) -> StreamError:
    """Return the error for the end of a stream.

    Args:
        code: The status code.
        scope: The OAuth scope that the stream requires; empty for none.
        details: The status's text; see ``causes``. The error does not repeat it.
        is_connected: Whether a server was reached.
    """
    if cause := cause_of(details, is_connected=is_connected):
        return _error_by(cause, code)
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthenticated("the event server rejected the access token")
    if code in RETRYABLE_CODES:
        return StreamEnded(f"the stream ended with {code.name}")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        need = f"the scope {scope}" if scope else "access to this stream"
        return AccessRefused(
            "the event server responded with PERMISSION_DENIED: the client in the credentials"
            f" secret needs {need}",
            hint="request it at the vendor's portal",
        )
    return StreamRefused(
        f"the event server refused the stream with {code.name}",
        hint=f"check {ENDPOINT}, the parameter EventTypes and the stream's settings",
        setting="API_ENDPOINT",
    )


def _error_by(cause: Cause, code: grpc.StatusCode) -> StreamError:
    kind: type[StreamError] = StreamEnded
    if cause.is_permanent:
        kind = StreamRefused
    elif code is grpc.StatusCode.UNAUTHENTICATED:
        kind = Unauthenticated  # a gateway's response, which may be about the token
    reason = f"the stream ended with {code.name}: {cause.reason}"
    return kind(reason, hint=cause.hint, setting=cause.setting)


def unanswered_probe(code: grpc.StatusCode, details: str | None) -> ApiSilent:
    """Return the error of a probe that the event API did not answer."""
    reason = f"the event API did not answer a probe: {code.name}"
    cause = cause_of(details)
    if cause is None:
        return ApiSilent(reason)
    return ApiSilent(f"{reason}: {cause.reason}", hint=cause.hint, setting=cause.setting)
