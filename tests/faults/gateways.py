"""Gateways before the event server: one of our own, and nginx and haproxy where they are installed.

Each takes HTTP/2 connections itself and forwards each call over a connection of its own, so that
it is there, and takes streams, while the event server is not.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    Gateway = Callable[..., AbstractContextManager[int]]

_LISTENING_SECONDS: Final = 30.0
_MOST_CALLS: Final = 16
_HEADERS: Final = frozenset({"authorization"})


@contextmanager
def own(upstream_port: int, _folder: Path, *, stream_seconds: float) -> Iterator[int]:
    """Forward calls by gRPC.

    Args:
        upstream_port: Where to, on loopback.
        stream_seconds: How long a stream may be quiet before it is closed.

    Yields:
        The port that it listens on.
    """
    with ExitStack() as running:
        upstream = running.enter_context(grpc.insecure_channel(f"127.0.0.1:{upstream_port}"))
        threads = running.enter_context(ThreadPoolExecutor(_MOST_CALLS, "proxies"))
        server = grpc.server(threads, options=(("grpc.so_reuseport", 0),))
        server.add_generic_rpc_handlers((_Forwarding(upstream, stream_seconds),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        running.callback(lambda: server.stop(grace=None).wait())
        yield port


class _Forwarding(grpc.GenericRpcHandler):
    def __init__(self, upstream: grpc.Channel, stream_seconds: float) -> None:
        self._upstream = upstream
        self._stream_seconds = stream_seconds

    def service(
        self, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        path = details.method
        if "/Stream" in path:
            return grpc.unary_stream_rpc_method_handler(
                lambda request, context: self._stream(path, request, context)
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._call(path, request, context)
        )

    def _stream(self, path: str, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        # As gateways do, it waits for an upstream that is away as long as for a quiet one.
        method: Any = self._upstream.unary_stream(path)
        forwarded = method(
            request, timeout=self._stream_seconds, metadata=_metadata(context), wait_for_ready=True
        )
        if not context.add_callback(forwarded.cancel):
            return
        try:
            yield from forwarded
        except grpc.RpcError as error:
            _end(context, error)

    def _call(self, path: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        method: Any = self._upstream.unary_unary(path)
        try:
            answer: bytes = method(
                request, timeout=context.time_remaining(), metadata=_metadata(context)
            )
        except grpc.RpcError as error:
            _end(context, error)
            return b""
        return answer


def _metadata(context: grpc.ServicerContext) -> tuple[tuple[str, str | bytes], ...]:
    return tuple((key, value) for key, value in context.invocation_metadata() if key in _HEADERS)


def _end(context: grpc.ServicerContext, error: grpc.RpcError) -> None:
    if context.is_active():
        away = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        context.abort(
            grpc.StatusCode.UNAVAILABLE if away else error.code(), "upstream request timeout"
        )


@contextmanager
def nginx(upstream_port: int, folder: Path, *, stream_seconds: float) -> Iterator[int]:
    """Forward calls by nginx, see :func:`own`."""
    port = _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "events {}\n"
        "http {\n"
        "  access_log off;\n"
        f"  client_body_temp_path {folder}/body;\n"
        f"  server {{ listen 127.0.0.1:{port} http2;\n"
        f"    location / {{ grpc_pass grpc://127.0.0.1:{upstream_port};\n"
        f"      grpc_read_timeout {stream_seconds:g}s; }} }}\n"
        "}\n"
    )
    command = ("nginx", "-p", str(folder), "-c", str(configuration))
    with _running(command, port):
        yield port


@contextmanager
def haproxy(upstream_port: int, folder: Path, *, stream_seconds: float) -> Iterator[int]:
    """Forward calls by haproxy, see :func:`own`."""
    port = _free_port()
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n"
        f"  timeout server {stream_seconds:g}s\n"
        f"frontend calls\n  bind 127.0.0.1:{port} proto h2\n  default_backend event_server\n"
        f"backend event_server\n  server one 127.0.0.1:{upstream_port} proto h2\n"
    )
    with _running(("haproxy", "-db", "-f", str(configuration)), port):
        yield port


@contextmanager
def _running(command: tuple[str, ...], port: int) -> Iterator[None]:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _wait_for_listener(process, port)
            yield
        finally:
            process.terminate()


def _wait_for_listener(process: subprocess.Popen[str], port: int) -> None:
    give_up_at = time.monotonic() + _LISTENING_SECONDS
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise RuntimeError(process.communicate()[1])
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"{process.args!r} does not listen")


def _free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


GATEWAYS: Final[dict[str, Gateway]] = {
    "own": own,
    **({"nginx": nginx} if shutil.which("nginx") else {}),
    **({"haproxy": haproxy} if shutil.which("haproxy") else {}),
}
"""Those that can be had here."""
