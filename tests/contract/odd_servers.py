"""Servers other than event servers: each accepts real connections and has one behaviour."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from struct import Struct
from typing import TYPE_CHECKING, Final

import grpc

from benchmarks import http2
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator

    Serve = Callable[[socket.socket], None]
    Answer = Callable[[bytes], bytes]

_CHUNK: Final = 65_536
_RST_STREAM: Final = 3
_GOAWAY: Final = 7
_rst_stream = Struct(">I")
_goaway = Struct(">II")


@contextmanager
def serving(serve: Serve, port: int = 0) -> Iterator[int]:
    """Serve each connection in a thread of its own.

    Yields:
        The port, on loopback.
    """

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, EOFError):
                serve(self.request)

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True
        request_queue_size = 64

    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@contextmanager
def answering(methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]]) -> Iterator[int]:
    """Serve some methods of the event API's service, without TLS, by gRPC.

    Yields:
        The port, on loopback.
    """
    service = STREAMS[DEFAULT_EVENT_TYPE].service.full_name
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(
            threads, handlers=[grpc.method_handlers_generic_handler(service, methods)]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            server.stop(grace=None).wait()


def silent(connection: socket.socket) -> None:
    """Receive everything, and answer nothing."""
    while connection.recv(_CHUNK):
        pass


def http1(connection: socket.socket) -> None:
    """Answer as a server that speaks only HTTP/1.1."""
    connection.recv(_CHUNK)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def tls(context: ssl.SSLContext, *protocols: str) -> Serve:
    """Shake hands, offer protocols by ALPN, and answer nothing."""
    if protocols:
        context.set_alpn_protocols(protocols)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            silent(secured)

    return serve


def calls(*answers: Answer, closes: bool = False) -> Serve:
    """Answer calls over HTTP/2, without TLS.

    Args:
        answers: Functions that return the frames of an answer for a stream's number: the first for
            a connection's first call, and so on; the last for all later calls.
        closes: Whether the connection is closed after the first answer.
    """

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as received:
            received.read(len(http2.PREFACE))
            connection.sendall(http2.frame(http2.SETTINGS, 0, b""))
            left = list(answers)
            while head := received.read(http2.FRAME_HEAD):
                frame = http2.frame_head(head, 0)
                content = received.read(frame.length)
                is_ack = bool(frame.flags & http2.ACK)
                if frame.kind in {http2.SETTINGS, http2.PING} and not is_ack:
                    answer = content if frame.kind == http2.PING else b""
                    connection.sendall(http2.frame(frame.kind, http2.ACK, answer))
                elif frame.kind == http2.HEADERS:
                    connection.sendall(left[0](frame.stream))
                    del left[: len(left) > 1]
                    if closes:
                        return

    return serve


def unanswered(_stream: bytes) -> bytes:
    """Leave a call open."""
    return b""


def http_status(status: int, *headers: tuple[str, str]) -> Answer:
    """Answer with an HTTP status, as gateways do; a gRPC status can be added as a header."""
    block = http2.literal_headers((":status", str(status)), *headers)
    return lambda stream: http2.headers_before_stream(block, ends=True) + stream + block


def http_body(content: bytes) -> Answer:
    """Answer with a page, as web servers do."""
    block = http2.literal_headers((":status", "200"), ("content-type", "text/html"))
    return lambda stream: b"".join(
        (
            http2.headers_before_stream(block) + stream + block,
            http2.frame(http2.DATA, http2.END_STREAM, content, stream),
        )
    )


def reset(code: int) -> Answer:
    """Reset the call with an error code of HTTP/2."""
    return lambda stream: http2.frame(_RST_STREAM, 0, _rst_stream.pack(code), stream)


def goaway(code: int, debug: bytes) -> Answer:
    """Send GOAWAY with an error code of HTTP/2."""
    return lambda _: http2.frame(_GOAWAY, 0, _goaway.pack(0, code) + debug)


FORWARDED: Final = http_status(
    200,
    ("content-type", "application/grpc"),
    ("grpc-status", "14"),
    (
        "grpc-message",
        "failed to connect to all addresses: CERTIFICATE_VERIFY_FAILED: certificate has expired",
    ),
)
"""Repeats its own gRPC's error about a server behind it."""
