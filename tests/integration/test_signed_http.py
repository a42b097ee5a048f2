"""Signed HTTP calls over real connections, with and without answers of the service."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from awscrt.http import HttpClientConnection

from eventdrain.adapters.aws import AwsEndpoint, ServiceError, SignedHttp
from eventdrain.adapters.http import CrtHttp, ReadTimeoutError, UnsendableRequest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

CALLS_AT_ONCE = 4
GENEROUS = 30.0


@contextmanager
def serving(
    answer: Callable[[BaseHTTPRequestHandler, bytes], None], *, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve every POST by a function; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            if tls is None:
                super().finish_request(request, client_address)
                return
            with suppress(OSError), tls.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        host = "http://127.0.0.1" if tls is None else "https://localhost"
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Answer a request."""
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def endpoint(url: str) -> AwsEndpoint:
    """Return an endpoint with made-up credentials."""
    return AwsEndpoint(
        url=url,
        service="sqs",
        region="eu-north-1",
        access_key="MADEUP",
        secret_key="made-up",
        session_token="made-up-session",
        roots=b"",
    )


async def call(url: str, *bodies: bytes) -> list[bytes]:
    """Make concurrent calls over one pool of connections."""
    async with SignedHttp.connect(endpoint(url), max_concurrent_calls=CALLS_AT_ONCE) as client:
        calls = (client.call("POST", "/", [("X-Amz-Target", "a.b")], body) for body in bodies)
        return await asyncio.gather(*calls)


def test_calls_share_few_connections() -> None:
    """Each call gets its own answer, with at most as many connections as concurrent calls."""
    connections = set()

    def echo(request: BaseHTTPRequestHandler, body: bytes) -> None:
        connections.add(request.client_address)
        reply(request, 200, body)

    bodies = [str(number).encode() for number in range(40)]
    with serving(echo) as url:
        assert asyncio.run(call(url, *bodies)) == bodies
    assert 1 <= len(connections) <= CALLS_AT_ONCE


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        pytest.param(400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist"}, "QueueDoesNotExist"),
        pytest.param(403, {"__type": "AccessDeniedException"}, "AccessDeniedException"),
        pytest.param(
            503, "<?xml?><Error><Code>SlowDown</Code></Error>", "SlowDown", id="XML, as of S3"
        ),
        pytest.param(412, "<html>", "HTTP 412", id="neither"),
        pytest.param(500, [], "HTTP 500", id="other JSON"),
    ],
)
def test_error_answer_is_raised(status: int, body: object, code: str) -> None:
    """An error has the service's code and the status."""
    text = body if isinstance(body, str) else json.dumps(body)
    with (
        serving(lambda request, _: reply(request, status, text.encode())) as url,
        pytest.raises(ServiceError) as caught,
    ):
        asyncio.run(call(url, b"{}"))
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (
            "User: made-up-role is not authorized to perform: kms:Decrypt on resource: made-up",
            "not authorized to perform: kms:Decrypt",
        ),
        ("Signature expired: 2026 is now earlier than made-up", "Signature expired"),
        ("the made-up is wrong", ""),
    ],
)
def test_cause_is_all_that_is_quoted(message: str, kept: str) -> None:
    """Of an error's text only a missing permission or a wrong clock is kept."""
    answer = json.dumps({"__type": "InvalidSignatureException", "message": message}).encode()
    with (
        serving(lambda request, _: reply(request, 400, answer)) as url,
        pytest.raises(ServiceError) as caught,
    ):
        asyncio.run(call(url, b"{}"))
    assert caught.value.message == kept


def test_connection_that_closes_as_a_call_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """If an idle connection is closed before a request is sent, the call succeeds."""
    bodies: list[bytes] = []
    was_open: list[bool] = []
    is_open = HttpClientConnection.is_open

    def close_after_the_first(request: BaseHTTPRequestHandler, body: bytes) -> None:
        bodies.append(body)
        reply(request, 200, body)
        request.close_connection = len(bodies) == 1

    def see_it_close(connection: HttpClientConnection) -> bool:
        """Return the state before the connection was closed."""
        if was_open:
            return is_open(connection)
        was_open.append(is_open(connection))
        connection.shutdown_future.exception(GENEROUS)
        return True

    async def two_calls(url: str) -> list[bytes]:
        async with CrtHttp.connect(url, roots=b"", max_concurrent_calls=1) as client:
            return [
                (await client.call("POST", "/", [], body, seconds=GENEROUS)).body
                for body in (b"1", b"2")
            ]

    monkeypatch.setattr(HttpClientConnection, "is_open", see_it_close)
    with serving(close_after_the_first) as url:
        assert asyncio.run(two_calls(url)) == [b"1", b"2"]
    assert bodies == [b"1", b"2"]
    assert was_open, "the first connection was kept"


@pytest.mark.parametrize(
    ("path", "header"),
    [("/ ", ("a", "b")), ("/\n", ("a", "b")), ("/", ("a b", "c")), ("/", ("a", "b\nc"))],
)
def test_request_that_can_not_be_sent(path: str, header: tuple[str, str]) -> None:
    """A request that the Common Runtime can't send is a separate error, which isn't retried."""

    async def call_path(url: str) -> None:
        async with CrtHttp.connect(url, roots=b"", max_concurrent_calls=1) as client:
            await client.call("POST", path, [header], b"", seconds=GENEROUS)

    with (
        serving(lambda request, _: reply(request, 200, b"")) as url,
        pytest.raises(UnsendableRequest),
    ):
        asyncio.run(call_path(url))


def test_connection_of_a_call_that_was_given_up_is_not_used_again() -> None:
    """A connection is not reused after its call was given up, as the answer may still arrive."""
    connections: set[object] = set()
    given_up = threading.Event()

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        connections.add(request.client_address)
        if body == b"slow":
            given_up.wait(GENEROUS)
        reply(request, 200, body)

    async def give_up_and_call(url: str) -> bytes:
        async with CrtHttp.connect(url, roots=b"", max_concurrent_calls=1) as client:
            with pytest.raises(ReadTimeoutError):
                await client.call("POST", "/", [], b"slow", seconds=0.2)
            given_up.set()
            return (await client.call("POST", "/", [], b"next", seconds=GENEROUS)).body

    with serving(answer) as url:
        assert asyncio.run(give_up_and_call(url)) == b"next"
    assert len(connections) == 2
