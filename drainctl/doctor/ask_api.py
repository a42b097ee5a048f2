"""The event API: is it there, and does it open the streams.

A stream is opened as a *regular* one, from now on: the API's kind of stream that has no queue. It
sees copies of what happens while it is open, and nothing is kept of it. So it takes no event from
the durable queue that the stack reads, and moves no position; a durable queue under a name of its
own would stay at the server for an hour.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Final

from google.protobuf.empty_pb2 import Empty

from drainctl.doctor.answers import NoAnswer, Unanswered
from drainctl.doctor.facts_of_access import Origin, Reached
from eventdrain.adapters.grpc import GrpcEventSource
from eventdrain.adapters.http import system_roots
from eventdrain.errors import StreamError, Unauthenticated
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint
from wgtwo.events.v1.events_pb2 import RegularStream, StreamConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drainctl.doctor.answers import Answer
    from drainctl.doctor.facts_of_access import Token
    from drainctl.doctor.facts_of_stack import Stack
    from eventdrain.events import EventStream

_CONNECTING_SECONDS: Final = 4.0
_REFUSING_SECONDS: Final = 2.0
"""A server that refuses the call answers at once; else it is quiet until there is an event."""
_HTTP2: Final = "h2"
_ELSE_CHECK: Final = (
    "try again; then check the parameter ApiEndpoint, the gateways on the way there, and the API"
    " itself"
)


def find_endpoint(stack: Stack) -> Reached:
    """Connect to the event API, with TLS, and let it choose HTTP/2.

    Raises:
        Unanswered: It is not there, is not trusted, or doesn't speak HTTP/2.
    """
    endpoint = Endpoint.parse(stack.parameters["ApiEndpoint"])
    where = f"{endpoint.host}:{endpoint.port}"
    hint = (
        "check the parameter ApiEndpoint, and the way there from here; whether the function reaches"
        " it, its last run tells"
    )
    try:
        with socket.create_connection(
            (endpoint.host, endpoint.port), timeout=_CONNECTING_SECONDS
        ) as connection:
            if endpoint.is_secure:
                _shake_hands(connection, endpoint.host)
            return Reached(endpoint.url, endpoint.is_secure)
    except ssl.SSLCertVerificationError as error:
        raise Unanswered(
            f"the certificate of {where} is not trusted: {error.verify_message}", hint
        ) from None
    except ssl.SSLError as error:
        raise Unanswered(f"no TLS with {where} ({error.reason or 'it is cut off'})", hint) from None
    except socket.gaierror:
        raise Unanswered(f"the name {endpoint.host} can't be resolved", hint) from None
    except TimeoutError:
        raise Unanswered(f"{where} doesn't answer", hint) from None
    except OSError as error:
        raise Unanswered(f"{where} can't be connected to ({error.strerror})", hint) from None


def _shake_hands(connection: socket.socket, host: str) -> None:
    context = ssl.create_default_context(cadata=system_roots().decode())
    context.set_alpn_protocols([_HTTP2])
    with context.wrap_socket(connection, server_hostname=host) as secured:
        if secured.selected_alpn_protocol() != _HTTP2:
            raise Unanswered(
                f"{host} speaks TLS, but not HTTP/2",
                "check the parameter ApiEndpoint, and whether a proxy is in the way",
            )


def open_streams(stack: Stack, token: Token) -> Mapping[str, Answer[None]]:
    """Open each stream for a moment, all at once.

    Returns:
        By event type: None where it is open.
    """
    return asyncio.run(_open_streams(stack, token))


async def _open_streams(stack: Stack, token: Token) -> Mapping[str, Answer[None]]:
    endpoint = Endpoint.parse(stack.parameters["ApiEndpoint"])
    streams = [STREAMS[name] for name in stack.event_types if name in STREAMS]
    opened = await asyncio.gather(*(_open(each, endpoint, token) for each in streams))
    return {stream.event_type: each for stream, each in zip(streams, opened, strict=True)}


def probe_request(stream: EventStream) -> bytes:
    """Serialise the request for a stream that takes nothing and leaves nothing."""
    configuration = StreamConfiguration(
        regular=RegularStream(), disable_explicit_ack=Empty(), max_in_flight=1, start_at_new=Empty()
    )
    return stream.stream_request(stream_configuration=configuration).SerializeToString()


async def _open(stream: EventStream, endpoint: Endpoint, token: Token) -> Answer[None]:
    if token.scopes is not None and stream.scope and stream.scope not in token.scopes:
        return NoAnswer("the token has not its scope", is_skipped=True)
    source = GrpcEventSource(
        stream,
        endpoint,
        probe_request(stream),
        max_unread=1,
        timeout_seconds=_CONNECTING_SECONDS + _REFUSING_SECONDS,
    )
    try:
        async with source.connect(token.value, on_arrival=lambda: None) as connection:
            await connection.opened()
            try:
                await asyncio.wait_for(connection.ended(), _REFUSING_SECONDS)
            except TimeoutError:
                # A gateway opens streams too. An event, which nobody reads, proves the API.
                if not connection.unread:
                    await connection.probe()
    except StreamError as error:
        return _refused(error, token)
    return None


def _refused(error: StreamError, token: Token) -> NoAnswer:
    if isinstance(error, Unauthenticated) and not error.hint:
        hint = {
            Origin.KEPT: "nothing yet: the next run mints another token; look again after it",
            Origin.GIVEN: "put a valid token, or a client's id and secret, into the credentials"
            " secret",
            Origin.MINTED: "check that the parameters TokenEndpoint and ApiEndpoint belong"
            " together",
            Origin.NONE: "deploy with Authentication=secret: this server wants a token",
        }[token.origin]
        return NoAnswer(error.reason, hint)
    return NoAnswer(error.reason, error.hint or _ELSE_CHECK)
