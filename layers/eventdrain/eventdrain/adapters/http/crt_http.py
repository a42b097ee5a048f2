"""HTTP calls to one server over the AWS Common Runtime, for asyncio.

The Common Runtime (``awscrt``) provides HTTP and TLS, as in the AWS CLI. This module adds
connection reuse, timeouts and detection of untrusted certificates.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import cache
from io import BytesIO
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from awscrt import http, io
from awscrt.exceptions import AwsCrtError

from eventdrain.adapters.http.errors import (
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
    UnsendableRequest,
    UntrustedCertificate,
)
from eventdrain.adapters.http.trust import certificate_problem, system_roots
from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

_CONNECT_MILLISECONDS: Final = 2000
_SLOW_CONNECT_SECONDS: Final = 1.0
"""How long to wait for a connection before the server's certificate is checked separately. The
Common Runtime deliberately delays the error for an untrusted certificate by 10 to 30 s (s2n-tls
calls it blinding), which is longer than the timeout of any call."""
_INVALID: Final = "(AWS_ERROR_HTTP_INVALID_"
"""The prefix of the Common Runtime's error names for invalid requests."""
_CLOSING_SECONDS: Final = 1.0
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class Response(NamedTuple):
    """An HTTP response.

    Attributes:
        status: The HTTP status.
        headers: The headers by lower-case name; empty unless requested.
        body: The body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class CrtHttp:
    """Calls one server over persistent connections. Create it with :meth:`connect`.

    Args:
        url: The server's URL, which the paths of calls are appended to.
        roots: The trusted root certificates, PEM; None for the system's.
        max_concurrent_calls: The maximum number of concurrent calls; further calls wait.
        prepare: Called with each request before it is sent, to sign it.
    """

    def __init__(
        self,
        url: str,
        *,
        roots: bytes | None = None,
        max_concurrent_calls: int,
        prepare: Callable[[http.HttpRequest], None],
    ) -> None:
        address = urlsplit(url)
        self._base_path = address.path
        self._host = address.hostname or ""
        self._port = address.port or _DEFAULT_PORTS[address.scheme]
        self._is_secure = address.scheme == "https"
        if self._is_secure and roots is not None:
            _tls_context(roots)  # here, because the first call may come late in a run
        self._socket = io.SocketOptions()
        self._socket.connect_timeout_ms = _CONNECT_MILLISECONDS
        self._headers = [("Host", address.netloc)]
        self._prepare = prepare
        self._free = asyncio.Semaphore(max_concurrent_calls)
        self._idle: list[http.HttpClientConnection] = []
        self._closing: list[Future[None]] = []
        self._roots = roots
        self._probing: asyncio.Future[str | None] | None = None

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        roots: bytes | None = None,
        max_concurrent_calls: int,
        prepare: Callable[[http.HttpRequest], None] = lambda _: None,
    ) -> AsyncIterator[CrtHttp]:
        """Create a client. Connections are opened on demand and closed with the context."""
        client = cls(url, roots=roots, max_concurrent_calls=max_concurrent_calls, prepare=prepare)
        try:
            yield client
        finally:
            for connection in client._idle:
                client._close(connection)
            # Close callbacks run on this event loop, so wait for them.
            closing = asyncio.gather(
                *map(asyncio.wrap_future, client._closing),
                return_exceptions=True,  # the server may have closed the connection first
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(closing, _CLOSING_SECONDS)

    async def call(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        seconds: float,
        needs_headers: bool = False,
    ) -> Response:
        """Make a call and return the response, whatever its status.

        Args:
            method: The HTTP method.
            path: The path after the URL's own, percent-encoded.
            headers: The headers besides ``Host`` and ``Content-Length``.
            body: The request body.
            seconds: The timeout of the whole call, in seconds.
            needs_headers: Whether to return the response's headers.

        Raises:
            UntrustedCertificate: The server's certificate is not trusted. Nothing was sent.
            UnsendableRequest: The request is invalid. Nothing was sent.
            HTTPClientError: The server cannot be reached, broke the connection or took too long.
                It may have received the request.
        """
        length = ("Content-Length", str(len(body)))
        request = http.HttpRequest(
            method,
            f"{self._base_path}{path}" or "/",
            http.HttpHeaders([*self._headers, *headers, length]),
            BytesIO(body),
        )
        async with self._free:
            try:
                async with asyncio.timeout(seconds):
                    self._sign(request)
                    return await self._exchange(request, needs_headers=needs_headers)
            except TimeoutError as error:
                raise ReadTimeoutError from error
            except AwsCrtError as error:
                raise HTTPClientError(error.name) from error
            # The Common Runtime raises a RuntimeError for immediate errors, and Python's built-in
            # errors for some others.
            except (RuntimeError, OSError) as error:
                raise HTTPClientError(type(error).__name__) from error

    def _sign(self, request: http.HttpRequest) -> None:
        try:
            self._prepare(request)
        except (AwsCrtError, RuntimeError) as error:
            raise UnsendableRequest("the request cannot be signed") from error

    async def _exchange(self, request: http.HttpRequest, *, needs_headers: bool) -> Response:
        """Send a request over an idle connection, or over a new one if there is none."""
        while self._idle:
            connection = self._idle.pop()
            # The server may close it at any time. Before the request is sent, this is harmless.
            if connection.is_open():
                try:
                    return await self._send(connection, request, needs_headers=needs_headers)
                except ConnectionClosedError:
                    continue
        connection = await self._connect()
        return await self._send(connection, request, needs_headers=needs_headers)

    async def _connect(self) -> http.HttpClientConnection:
        tls = _tls(self._roots, self._host) if self._is_secure else None
        connecting = http.HttpClientConnection.new(
            self._host, self._port, _bootstrap(), self._socket, tls
        )
        # Never cancel this future: the Common Runtime cannot handle it.
        connected = asyncio.wrap_future(connecting)
        # Retrieve the error, or asyncio would warn about it if the caller is cancelled.
        connected.add_done_callback(lambda future: future.cancelled() or future.exception())
        await asyncio.wait([connected], timeout=_SLOW_CONNECT_SECONDS)
        if self._is_secure and not _is_connected(connected):
            probing = self._probe()
            await asyncio.wait(
                [probing] if connected.done() else [probing, connected],
                return_when=asyncio.FIRST_COMPLETED,
            )
            problem = probing.result() if probing.done() else None
            if problem is not None and not _is_connected(connected):
                raise UntrustedCertificate(problem)
        return await asyncio.shield(connected)

    def _probe(self) -> asyncio.Future[str | None]:
        """Check the server's certificate, once for all calls that wait for a connection."""
        if self._probing is None or (self._probing.done() and self._probing.result() is None):
            found: Future[str | None] = Future()
            # Not a thread of the event loop's pool: resolving a host name can take long, and the
            # loop would wait for the thread when it closes.
            Thread(
                target=lambda: found.set_result(
                    certificate_problem(self._host, self._port, self._roots or system_roots())
                ),
                daemon=True,
            ).start()
            self._probing = asyncio.wrap_future(found)
        return self._probing

    def _close(self, connection: http.HttpClientConnection) -> None:
        self._closing = [closing for closing in self._closing if not closing.done()]
        self._closing.append(connection.close())

    async def _send(
        self,
        connection: http.HttpClientConnection,
        request: http.HttpRequest,
        *,
        needs_headers: bool,
    ) -> Response:
        """Send a request. Keep the connection after a response, close it after an error.

        Raises:
            ConnectionClosedError: The connection was already closed. Nothing was sent.
        """
        try:
            answer = await self._answer(connection, request, needs_headers=needs_headers)
        except BaseException:
            # A late response may still arrive, so the connection must not be reused.
            self._close(connection)
            raise
        self._idle.append(connection)
        return answer

    async def _answer(
        self,
        connection: http.HttpClientConnection,
        request: http.HttpRequest,
        *,
        needs_headers: bool,
    ) -> Response:
        loop = asyncio.get_running_loop()
        completed: asyncio.Future[Future[int]] = loop.create_future()
        chunks: list[bytes] = []
        answered: list[tuple[str, str]] = []
        try:
            stream = connection.request(
                request,
                # These run on the Common Runtime's only thread, so they must be fast.
                on_response=(
                    (lambda headers, **_: answered.extend(headers)) if needs_headers else None
                ),
                on_body=lambda chunk, **_: chunks.append(chunk),
            )
            stream.completion_future.add_done_callback(
                lambda future: loop.call_soon_threadsafe(_hand_over, future, completed)
            )
            stream.activate()
        except RuntimeError as error:
            # Nothing is sent before activate() returns.
            if _is_invalid_request(error):
                raise UnsendableRequest("the path or a header is malformed") from error
            raise ConnectionClosedError from error
        status = (await completed).result()
        headers = {name.lower(): value for name, value in answered}
        return Response(status, headers, b"".join(chunks))


def _is_invalid_request(error: RuntimeError) -> bool:
    """Return whether the request is invalid; otherwise the connection was closed.

    The Common Runtime reports the error's code only in the text.
    """
    return _INVALID in str(error)


def _is_connected(connected: asyncio.Future[http.HttpClientConnection]) -> bool:
    return connected.done() and connected.exception() is None


def _hand_over(result: Future[int], waiting: asyncio.Future[Future[int]]) -> None:
    if not waiting.cancelled():
        waiting.set_result(result)


@cache
def _bootstrap() -> io.ClientBootstrap:
    # One thread of the Common Runtime, for the lifetime of the process.
    threads = io.EventLoopGroup(1)
    return io.ClientBootstrap(threads, io.DefaultHostResolver(threads))


@cache
def _tls_context(roots: bytes) -> io.ClientTlsContext:
    """Return a context that trusts these roots. Creating it takes 16 ms of CPU time."""
    options = io.TlsContextOptions()
    options.override_default_trust_store(roots)
    try:
        return io.ClientTlsContext(options)
    except RuntimeError as error:
        raise ConfigurationError(
            "the trusted certificates are not in PEM format",
            hint="check the file in AWS_CA_BUNDLE, or in ca_bundle of the profile",
            setting="AWS_CA_BUNDLE",
        ) from error


def _tls(roots: bytes | None, host: str) -> io.TlsConnectionOptions:
    context = _tls_context(system_roots() if roots is None else roots)
    connection: io.TlsConnectionOptions = context.new_connection_options()
    connection.set_server_name(host)
    return connection
