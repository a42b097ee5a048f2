"""The doctor's probe of a stream: it takes nothing from the durable queue and leaves nothing."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
import pytest
import trustme
from google.protobuf.empty_pb2 import Empty

from drainctl.doctor import ask_api
from drainctl.doctor.ask_api import find_endpoint, open_streams
from drainctl.doctor.facts import Origin, Token
from drainctl.doctor.questions import NoAnswer, UnansweredError
from eventdrain.adapters.grpc import call_metadata
from eventdrain.events import STREAMS
from simulator.event_server import AuthMode, EventServer
from tests.contract.odd_servers import calls, http_status, serving
from tests.unit.doctor_facts import STACK
from wgtwo.events.v1.events_pb2 import DurableQueue, StreamConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.stack import Stack

STREAM: Final = "handset_change"
OTHER: Final = "consent_change"
CLIENT: Final = "made-up-client"


@pytest.fixture
def server() -> Iterator[EventServer]:
    """Return an event server with production's authorization."""
    with EventServer(auth=AuthMode.PRODUCTION) as running:
        yield running


def stack_at(endpoint: str, *event_types: str) -> Stack:
    """Return a stack that drains from a server."""
    parameters = {"ApiEndpoint": endpoint, "EventTypes": ",".join(event_types or (STREAM,))}
    return replace(STACK, parameters=parameters)


def token_of(server: EventServer, *scopes: str) -> Token:
    """Return a token that the server takes."""
    grant = server.tokens.issue(CLIENT, scopes, timedelta(minutes=5))
    return Token(Origin.CACHED, grant.token)


def test_durable_queue_keeps_its_events(server: EventServer) -> None:
    """Events that wait, and those that arrive during the probe, stay in the durable queue.

    The probe receives copies on a temporary queue, which is then deleted.
    """
    waiting = server.publish_made_up(STREAM, 5)
    token = token_of(server, STREAMS[STREAM].scope)
    coming: list[int] = []

    def publish_meanwhile() -> None:
        server.wait_until(lambda ledger: ledger.open_streams)
        coming.extend(server.publish_made_up(STREAM, 5, seed=1))

    publishing = threading.Thread(target=publish_meanwhile)
    publishing.start()
    opened = open_streams(stack_at(server.endpoint), token)
    publishing.join()
    assert opened == {STREAM: None}
    ledger = server.wait_until(lambda ledger: not ledger.open_streams)
    keys = {each.queue for event in ledger.events.values() for each in event.deliveries}
    assert all(key.regular_stream is not None for key in keys)
    assert len(ledger.acks) == 0
    assert [event for event in waiting if ledger.events[event].deliveries] == []
    assert server._queues._queues == {}  # noqa: SLF001 - not visible otherwise
    assert drained(server, token, 10) == [(number, False) for number in (*waiting, *coming)]


def test_each_failure_has_its_hint(server: EventServer) -> None:
    """A missing scope and an unknown token are reported, each with its hint."""
    stack = stack_at(server.endpoint, STREAM, OTHER)
    opened = open_streams(stack, token_of(server))
    assert opened[OTHER] is None
    refused = opened[STREAM]
    assert isinstance(refused, NoAnswer)
    assert STREAMS[STREAM].scope in refused.message
    assert "vendor's portal" in refused.hint
    for origin in Origin:
        unknown = open_streams(stack, Token(origin, "made-up-token"))[STREAM]
        assert isinstance(unknown, NoAnswer)
        assert unknown.message == "the event server rejected the access token"
        assert unknown.hint
        assert "made-up-token" not in repr(unknown)


def test_gateway_that_refuses() -> None:
    """A gateway's failure is reported as such, with the hint of the engine's error."""
    with serving(calls(http_status(403))) as port:
        refused = open_streams(stack_at(f"http://127.0.0.1:{port}"), Token(Origin.NONE))[STREAM]
    assert isinstance(refused, NoAnswer)
    assert "a gateway, not the event API, answered HTTP 403" in refused.message
    assert refused.hint.startswith("check whether the gateway's rules")


def test_scope_that_is_known_to_lack_is_not_tried(server: EventServer) -> None:
    """A stream whose scope was not granted is not opened; the scope's check reports it."""
    token = replace(token_of(server), scopes=())
    opened = open_streams(stack_at(server.endpoint), token)[STREAM]
    assert isinstance(opened, NoAnswer)
    assert opened.is_skipped
    assert server.ledger().failures == []


def test_sandbox_needs_no_token() -> None:
    """If the stack uses no token, neither does the probe."""
    with EventServer() as sandbox:
        assert open_streams(stack_at(sandbox.endpoint), Token(Origin.NONE)) == {STREAM: None}


def test_endpoint_with_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS and HTTP/2 are tested; an untrusted certificate is reported."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    key = certificate.private_key_pem.bytes()
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    credentials = grpc.ssl_server_credentials([(key, chain)])
    with EventServer(credentials=credentials) as server:
        stack = stack_at(server.endpoint)
        with pytest.raises(UnansweredError, match="is not trusted"):
            find_endpoint(stack)
        monkeypatch.setattr(ask_api, "system_roots", authority.cert_pem.bytes)
        assert find_endpoint(stack).is_secure


def test_endpoint_without_http2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with TLS but without HTTP/2, such as a proxy, is reported."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    monkeypatch.setattr(ask_api, "system_roots", authority.cert_pem.bytes)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=shake_hands_once, args=(listener, context))
        serving.start()
        with pytest.raises(UnansweredError, match="not HTTP/2"):
            find_endpoint(stack_at(f"https://localhost:{listener.getsockname()[1]}"))
        serving.join()


def test_endpoint_that_is_not_there() -> None:
    """A refused connection is reported, with the parameter to check."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnansweredError, match=r"the connection to .* failed") as raised:
        find_endpoint(stack_at(f"http://127.0.0.1:{port}"))
    assert "ApiEndpoint" in raised.value.hint


def shake_hands_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Accept one TLS connection, and send nothing."""
    connection, _ = listener.accept()
    with (
        connection,
        suppress(OSError),
        context.wrap_socket(connection, server_side=True) as secured,
    ):
        secured.recv(1)


def drained(server: EventServer, token: Token, count: int) -> list[tuple[int, bool]]:
    """Drain the durable queue, and return the events' numbers and redelivery flags."""
    stream = STREAMS[STREAM]
    configuration = StreamConfiguration(
        durable_queue=DurableQueue(), start_at_oldest_possible=Empty()
    )
    request = stream.stream_request(stream_configuration=configuration).SerializeToString()
    sent = server.counts()["deliveries"]
    with grpc.insecure_channel(server.target) as channel:
        method: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            stream.stream_path
        )
        call = method(request, metadata=call_metadata(token.value))
        server.wait_until(lambda ledger: ledger.deliveries == sent + count)
        call.cancel()
    return [
        (number, each.is_redelivered)
        for number, event in server.ledger().events.items()
        for each in event.deliveries
        if each.queue.regular_stream is None
    ]
