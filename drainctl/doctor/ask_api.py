"""The event API: whether it can be reached, and whether it opens the streams.

Each stream is opened as a *regular* stream that starts with new events. A regular stream has no
queue at the server and receives copies of events, so the durable queue that the stack drains keeps
its events and its position. A durable queue for the doctor would stay at the server for an hour.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Final

from google.protobuf.empty_pb2 import Empty

from drainctl.doctor.facts import Origin, Reached
from drainctl.doctor.questions import NoAnswer, UnansweredError
from eventdrain.adapters.grpc import GrpcEventSource
from eventdrain.adapters.http import system_roots
from eventdrain.errors import StreamError, Unauthenticated
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint
from wgtwo.events.v1.events_pb2 import RegularStream, StreamConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drainctl.doctor.facts import Token
    from drainctl.doctor.questions import Answer
    from drainctl.stack import Stack
    from eventdrain.events import EventStream

_CONNECTING_SECONDS: Final = 4.0
_REJECTING_SECONDS: Final = 2.0
"""How long to wait for a rejection. A server that accepts the call sends nothing until an event."""
_HTTP2: Final = "h2"
_CHECK: Final = (
    "try again; then check the parameter ApiEndpoint, any proxy on the way, and the API itself"
)
_FROM_HERE: Final = (
    "check the parameter ApiEndpoint, and the network between this machine and it; the check"
    " `last run` shows whether the function reaches it"
)
_TOKEN_HINTS: Final = {
    Origin.CACHED: "check again after the next run, which requests another token",
    Origin.GIVEN: "store a valid token, or a client's id and secret, in the credentials secret",
    Origin.MINTED: "check that the parameters TokenEndpoint and ApiEndpoint belong together",
    Origin.NONE: "deploy with Authentication=secret: this server requires a token",
}


def find_endpoint(stack: Stack) -> Reached:
    """Connect to the event API, with TLS and HTTP/2; return its endpoint.

    Raises:
        UnansweredError: The event API can't be reached, has an untrusted certificate, or does not
            offer HTTP/2.
    """
    endpoint = Endpoint.parse(stack.parameters["ApiEndpoint"])
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        with socket.create_connection(
            (endpoint.host, endpoint.port), timeout=_CONNECTING_SECONDS
        ) as connection:
            if endpoint.is_secure:
                _shake_hands(connection, endpoint.host)
            return Reached(endpoint.url, endpoint.is_secure)
    except ssl.SSLCertVerificationError as error:
        reason = f"the certificate of {where} is not trusted: {error.verify_message}"
    except ssl.SSLError as error:
        reason = f"the TLS handshake with {where} failed ({error.reason or 'connection closed'})"
    except socket.gaierror:
        reason = f"the name {endpoint.host} can't be resolved"
    except TimeoutError:
        reason = f"{where} does not answer"
    except OSError as error:
        reason = f"the connection to {where} failed ({error.strerror})"
    raise UnansweredError(reason, _FROM_HERE)


def _shake_hands(connection: socket.socket, host: str) -> None:
    context = ssl.create_default_context(cadata=system_roots().decode())
    context.set_alpn_protocols([_HTTP2])
    with context.wrap_socket(connection, server_hostname=host) as secured:
        if secured.selected_alpn_protocol() != _HTTP2:
            raise UnansweredError(
                f"{host} offers TLS, but not HTTP/2",
                "check the parameter ApiEndpoint, and whether there is a proxy on the way",
            )


def open_streams(stack: Stack, token: Token) -> Mapping[str, Answer[None]]:
    """Open all streams concurrently, for two seconds each.

    Returns:
        By event type, None if the stream was opened, otherwise why not.
    """
    return asyncio.run(_open_streams(stack, token))


async def _open_streams(stack: Stack, token: Token) -> Mapping[str, Answer[None]]:
    endpoint = Endpoint.parse(stack.parameters["ApiEndpoint"])
    streams = [STREAMS[name] for name in stack.event_types if name in STREAMS]
    opened = await asyncio.gather(*(_open(each, endpoint, token) for each in streams))
    return {stream.event_type: each for stream, each in zip(streams, opened, strict=True)}


def probe_request(stream: EventStream) -> bytes:
    """Return the request that opens a regular stream, which has no queue at the server."""
    configuration = StreamConfiguration(
        regular=RegularStream(), disable_explicit_ack=Empty(), max_in_flight=1, start_at_new=Empty()
    )
    return stream.stream_request(stream_configuration=configuration).SerializeToString()


async def _open(stream: EventStream, endpoint: Endpoint, token: Token) -> Answer[None]:
    if token.scopes is not None and stream.scope and stream.scope not in token.scopes:
        return NoAnswer("the token does not have the scope of this stream", is_skipped=True)
    source = GrpcEventSource(
        stream,
        endpoint,
        probe_request(stream),
        max_unread=1,
        timeout_seconds=_CONNECTING_SECONDS + _REJECTING_SECONDS,
    )
    try:
        async with source.connect(token.value, on_arrival=lambda: None) as connection:
            await connection.opened()
            try:
                await asyncio.wait_for(connection.ended(), _REJECTING_SECONDS)
            except TimeoutError:
                # A gateway may open streams too: only an event or a probe proves the API.
                if not connection.unread:
                    await connection.probe()
    except StreamError as error:
        if isinstance(error, Unauthenticated) and not error.hint:
            return NoAnswer(error.reason, _TOKEN_HINTS[token.origin])
        return NoAnswer(error.reason, error.hint or _CHECK)
    return None
