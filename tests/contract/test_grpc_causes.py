"""The engine's error for each fault of a connection to the event API, with the pinned grpcio."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import datetime
from typing import TYPE_CHECKING, Final

import grpc
import pytest
import trustme

from eventdrain.adapters.grpc import GrpcEventSource
from eventdrain.adapters.grpc import channel as grpc_channel
from eventdrain.adapters.grpc import source as grpc_source
from eventdrain.errors import (
    ApiSilent,
    StreamEnded,
    StreamError,
    StreamRefused,
    Unauthenticated,
)
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint
from tests.contract import odd_servers
from tests.contract.odd_servers import (
    answering,
    calls,
    goaway,
    http1,
    http_body,
    http_status,
    reset,
    serving,
    silent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.odd_servers import Answer, Serve

STREAM: Final = STREAMS["handset_change"]
WAIT_SECONDS: Final = 30
SERVERS_WORDS: Final = "no +9990000000001 here"
PAST: Final = datetime(2019, 1, 1), datetime(2020, 1, 1)  # noqa: DTZ001 - trustme takes naive ones
FUTURE: Final = datetime(2090, 1, 1), datetime(2091, 1, 1)  # noqa: DTZ001


def source(url: str) -> GrpcEventSource:
    """Return the adapter."""
    return GrpcEventSource(
        STREAM, Endpoint.parse(url), b"", max_unread=1, timeout_seconds=WAIT_SECONDS
    )


def end_of_stream(url: str) -> StreamError:
    """Open a stream, and return the error that it ends with."""

    async def read() -> None:
        connecting = source(url).connect(None, lambda: None)
        async with asyncio.timeout(WAIT_SECONDS), connecting as connection:
            await connection.opened()
            await connection.ended()

    with pytest.raises(StreamError) as raised:
        asyncio.run(read())
    return raised.value


# --- Certificates ---


class Authority:
    """A trusted authority, and the certificates of every case."""

    def __init__(self, folder: Path) -> None:
        self.trusted = trustme.CA()
        self._unknown = trustme.CA()
        self._folder = folder

    def context(self, case: str) -> ssl.SSLContext:
        """Return the server's TLS context with the certificate of a case."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if case == "self-signed":
            path = self._folder / "self-signed.pem"
            pems = self._unknown.private_key_pem, self._unknown.cert_pem
            path.write_bytes(b"".join(pem.bytes() for pem in pems))
            context.load_cert_chain(path)
            return context
        issuer = self._unknown if case.startswith("unknown") else self.trusted
        name = "other.example" if case == "another name" else "localhost"
        begin, end = {"expired": PAST, "not yet valid": FUTURE}.get(case, (None, None))
        leaf = issuer.issue_cert(name, not_before=begin, not_after=end)
        if case.endswith("sent along"):
            leaf.cert_chain_pems.append(self._unknown.cert_pem)
        leaf.configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """Trust one authority, and no other."""
    made = Authority(tmp_path)
    monkeypatch.setattr(grpc_channel, "system_roots_file", lambda: None)
    monkeypatch.setattr(grpc_channel, "system_roots", made.trusted.cert_pem.bytes)
    grpc_channel.channel_credentials.cache_clear()
    yield made
    grpc_channel.channel_credentials.cache_clear()


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("expired", "certificate has expired"),
        ("not yet valid", "certificate is not valid yet"),
        ("another name", "certificate is for another name"),
        ("self-signed", "certificate is self-signed"),
        ("unknown authority", "certificate is signed by an unknown authority"),
        ("unknown authority, sent along", "certificate is signed by an unknown authority"),
    ],
)
def test_certificate_that_is_not_trusted(authority: Authority, case: str, expected: str) -> None:
    """Each reason has its own error, which is fatal."""
    with serving(odd_servers.tls(authority.context(case), "h2")) as port:
        error = end_of_stream(f"https://localhost:{port}")
    assert type(error) is StreamRefused
    assert expected in error.reason
    assert error.hint
    assert error.setting == "API_ENDPOINT"


# --- Servers that are unreachable or don't speak gRPC ---


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)], ids=["none", "1.1"])
def test_tls_without_http2(authority: Authority, protocols: tuple[str, ...]) -> None:
    """The error says that the server doesn't speak HTTP/2."""
    with serving(odd_servers.tls(authority.context("good"), *protocols)) as port:
        error = end_of_stream(f"https://localhost:{port}")
    assert type(error) is StreamEnded
    assert "no ALPN h2" in error.reason


@pytest.mark.parametrize(
    ("scheme", "serve", "expected"),
    [
        ("https", http1, "expects plaintext, not TLS"),
        ("https", calls(odd_servers.unanswered), "expects plaintext, not TLS"),
        ("https", lambda _: None, "closes each connection"),
        ("http", http1, "supports HTTP/1.1"),
        ("http", lambda _: None, "closes each connection"),
        ("https", silent, "timed out"),
        ("http", silent, "timed out"),
    ],
    ids=[
        *("TLS to HTTP/1.1", "TLS to HTTP/2", "TLS, closed"),
        *("HTTP/1.1", "closed", "TLS, silent", "silent"),
    ],
)
def test_server_of_another_protocol(
    monkeypatch: pytest.MonkeyPatch, scheme: str, serve: Serve, expected: str
) -> None:
    """The error names what the server does instead of gRPC, and is retryable."""
    quickly = (*grpc_channel.OPTIONS, ("grpc.min_reconnect_backoff_ms", 500))
    monkeypatch.setattr(grpc_source, "OPTIONS", quickly)  # a connect time-out is as long
    with serving(serve) as port:
        error = end_of_stream(f"{scheme}://localhost:{port}")
    assert type(error) is StreamEnded
    assert expected in error.reason
    assert error.setting == "API_ENDPOINT"


def test_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not mistaken for the event server."""
    with serving(http1) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        error = end_of_stream("https://made-up.invalid")
    assert type(error) is StreamEnded
    assert "an HTTP proxy refuses connections" in error.reason
    assert "http_proxy" in error.hint


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://127.0.0.1:{}", "refuses connections"), ("https://made-up.invalid", "be resolved")],
)
def test_server_that_is_not_there(url: str, expected: str) -> None:
    """A refused connection, and a name without an address, are named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening
        error = end_of_stream(url.format(taken.getsockname()[1]))
    assert type(error) is StreamEnded
    assert expected in error.reason


# --- Answers that are not the event API's ---


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, StreamEnded) for status in (204, 400, 429, 500, 502, 503, 520)),
        *((401, Unauthenticated), (403, StreamRefused), (404, StreamRefused)),
    ],
)
def test_gateway_that_answers_by_http(status: int, kind: type[StreamError]) -> None:
    """The error says that a gateway answered, with a hint, and doesn't prove the API."""
    with serving(calls(http_status(status, ("server", SERVERS_WORDS)))) as port:
        error = end_of_stream(f"http://127.0.0.1:{port}")
    assert type(error) is kind
    assert f"a gateway, not the event API, answered HTTP {status}" in error.reason
    assert error.hint
    assert "scope" not in str(error)
    assert "999" not in str(error)


def test_gateway_with_a_status_of_grpc() -> None:
    """A gRPC status takes priority over the HTTP status; its text is not repeated."""
    answer = http_status(403, ("grpc-status", "7"), ("grpc-message", SERVERS_WORDS))
    with serving(calls(answer)) as port:
        error = end_of_stream(f"http://127.0.0.1:{port}")
    assert STREAM.scope in error.reason
    assert "999" not in str(error)


@pytest.mark.parametrize(
    ("answer", "closes", "expected"),
    [
        (
            http_status(200),
            False,
            "a gateway, not the event API, sent a response without a gRPC status",
        ),
        (http_body(SERVERS_WORDS.encode()), False, "a gateway, not the event API, sent"),
        (reset(2), False, "reset the call"),
        (reset(12), False, "reset the call"),  # grpcio makes PERMISSION_DENIED of this one
        (goaway(11, b"too_many_pings"), True, "too_many_pings"),
        (goaway(0, SERVERS_WORDS.encode()), True, "the connection broke"),
        (odd_servers.unanswered, True, "the connection broke"),
    ],
    ids=["no status", "page", "reset", "inadequate security", "too many pings", "goaway", "closed"],
)
def test_call_that_ends_without_a_status(answer: Answer, *, closes: bool, expected: str) -> None:
    """The error names what happened to the connection, and is retryable."""
    with serving(calls(answer, closes=closes)) as port:
        error = end_of_stream(f"http://127.0.0.1:{port}")
    assert type(error) is StreamEnded
    assert expected in error.reason
    assert "999" not in str(error)


def test_words_that_a_server_passes_on() -> None:
    """A server's own gRPC error about its connections is not taken for ours, and is retryable."""
    with serving(calls(odd_servers.FORWARDED)) as port:
        for _ in range(10):  # gRPC sets its state to connected in another thread
            error = end_of_stream(f"http://127.0.0.1:{port}")
            assert type(error) is StreamEnded
            assert error.reason == "the stream ended with UNAVAILABLE"


def test_status_whose_text_is_too_long() -> None:
    """A text beyond 16 KB hides its status: the error says that the status is unknown."""

    def end(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "9" * 17_000)

    with answering({STREAM.stream_method: grpc.unary_stream_rpc_method_handler(end)}) as port:
        error = end_of_stream(f"http://127.0.0.1:{port}")
    assert type(error) is StreamEnded
    assert "the response's status is unknown" in error.reason
    assert "ENDPOINT" not in str(error)
    assert "999" not in str(error)


def test_probe_that_a_gateway_answers() -> None:
    """The error says that a gateway answered the probe, which doesn't prove the API."""

    async def probe(port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        connecting = source(url).connect(None, lambda: None)
        async with asyncio.timeout(WAIT_SECONDS), connecting as connection:
            await connection.opened()
            await connection.probe()

    answers = odd_servers.unanswered, http_status(503)
    with serving(calls(*answers)) as port, pytest.raises(ApiSilent) as raised:
        asyncio.run(probe(port))
    assert "UNAVAILABLE: a gateway, not the event API, answered HTTP 503" in raised.value.reason
    assert "behind it" in raised.value.hint


# --- Texts ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Failed to connect to remote host: getsockopt(SO_ERROR): No route to host", "no route"),
        ("Failed to connect to remote host: connect: Network is unreachable", "no route"),
        ("tcp handshaker shutdown", "timed out"),
        (
            "Tls handshake failed (TSI_PROTOCOL_FAILURE): TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
            "no ALPN h2",
        ),
        ("made up", "cannot connect to the event server"),
    ],
)
def test_what_can_not_be_made_here(text: str, expected: str) -> None:
    """Texts of grpcio 1.85.1 about faults that a test can't cause."""
    details = f"failed to connect to all addresses; last error: UNKNOWN: ipv6:%5B::1%5D:1: {text}"
    error = grpc_channel.stream_error(
        grpc.StatusCode.UNAVAILABLE, scope="", details=details, is_connected=False
    )
    assert type(error) is StreamEnded
    assert expected in error.reason


@pytest.mark.parametrize(
    "details",
    [
        "upstream connect error: CERTIFICATE_VERIFY_FAILED: certificate has expired",
        "no, not: Received http2 header with status: 403",
        "Connection refused",
        "too_many_pings",
    ],
)
def test_gateways_words_about_its_own_upstream(details: str) -> None:
    """A text that isn't gRPC's says nothing about our connection."""
    error = grpc_channel.stream_error(
        grpc.StatusCode.UNAVAILABLE, scope="", details=details, is_connected=False
    )
    assert type(error) is StreamEnded
    assert error.reason == "the stream ended with UNAVAILABLE"
