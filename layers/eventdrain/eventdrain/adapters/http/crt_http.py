"""HTTP calls to one server, by the AWS Common Runtime, from an event loop.

The Common Runtime (``awscrt``) is the HTTP client and TLS of the AWS CLI. Here are only what it
leaves to its users: which connection a call takes, and how long it may last in all.
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
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
)

from eventdrain.adapters.http.trust import (
    UnsendableRequest,
    UntrustedCertificate,
    certificate_problem,
)
from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

_CONNECT_MILLISECONDS: Final = 2000
_SLOW_CONNECT_SECONDS: Final = 1.0
"""After which the server's certificate is looked at: that it is not trusted the Common Runtime
reports after 10 to 30 s, on purpose (s2n-tls calls it blinding), and no call waits for so long."""
_INVALID: Final = "(AWS_ERROR_HTTP_INVALID_"
"""What the names of the Common Runtime's errors about a request begin with."""
_CLOSING_SECONDS: Final = 1.0
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class Answer(NamedTuple):
    """What a server answers.

    Attributes:
        status: HTTP's status.
        headers: By their names in lower case; empty unless they were asked for.
        body: Whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class CrtHttp:
    """Calls one server over connections that are kept open. Made by :meth:`connect`.

    Args:
        url: Where; paths are appended to its own.
        roots: The certificates that are trusted, PEM.
        calls_at_once: How many calls may be under way; the others wait.
        prepare: Is given each request before it is sent, to sign it.
    """

    def __init__(
        self,
        url: str,
        *,
        roots: bytes,
        calls_at_once: int,
        prepare: Callable[[http.HttpRequest], None],
    ) -> None:
        address = urlsplit(url)
        self._url = url
        self._base_path = address.path
        self._host = address.hostname or ""
        self._port = address.port or _DEFAULT_PORTS[address.scheme]
        self._tls = _tls(roots, self._host) if address.scheme == "https" else None
        self._socket = io.SocketOptions()
        self._socket.connect_timeout_ms = _CONNECT_MILLISECONDS
        self._headers = [("Host", address.netloc)]
        self._prepare = prepare
        self._free = asyncio.Semaphore(calls_at_once)
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
        roots: bytes,
        calls_at_once: int,
        prepare: Callable[[http.HttpRequest], None] = lambda _: None,
    ) -> AsyncIterator[CrtHttp]:
        """Make one; its connections are opened as calls need them, and closed with the context."""
        client = cls(url, roots=roots, calls_at_once=calls_at_once, prepare=prepare)
        try:
            yield client
        finally:
            for connection in client._idle:
                client._close(connection)
            # Their last words are for this event loop: it must outlive them.
            closing = asyncio.gather(
                *map(asyncio.wrap_future, client._closing),
                return_exceptions=True,  # a server that was faster
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
    ) -> Answer:
        """Make a call and give the answer, whatever its status.

        Args:
            method: HTTP's.
            path: What follows the URL's, percent-encoded.
            headers: Besides ``Host`` and ``Content-Length``.
            body: Of the request.
            seconds: How long it may take in all, from the connection to the last byte.
            needs_headers: Whether the answer's headers are of interest.

        Raises:
            UntrustedCertificate: The server's certificate is not trusted; nothing was sent.
            UnsendableRequest: The request is none that can be sent.
            HTTPClientError: The server can't be reached, broke the connection or took too long:
                what was sent may have been taken all the same.
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
                raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
            except AwsCrtError as error:
                raise HTTPClientError(error=error.name) from error
            except BotoCoreError:  # some of which are OSErrors, too
                raise
            # What the Common Runtime raises at once is no AwsCrtError, and it has Python's own
            # errors in place of some others.
            except (RuntimeError, OSError) as error:
                raise HTTPClientError(error=type(error).__name__) from error

    def _sign(self, request: http.HttpRequest) -> None:
        try:
            self._prepare(request)
        except (AwsCrtError, RuntimeError) as error:
            raise UnsendableRequest(error="it can't be signed") from error

    async def _exchange(self, request: http.HttpRequest, *, needs_headers: bool) -> Answer:
        """Send a request over a connection that was kept open, if there is one, else a new one."""
        while self._idle:
            connection = self._idle.pop()
            # The server may close it at any moment. Until the request is sent, that is harmless.
            if connection.is_open():
                try:
                    return await self._send(connection, request, needs_headers=needs_headers)
                except ConnectionClosedError:
                    continue
        connection = await self._connect()
        return await self._send(connection, request, needs_headers=needs_headers)

    async def _connect(self) -> http.HttpClientConnection:
        connecting = http.HttpClientConnection.new(
            self._host, self._port, _bootstrap(), self._socket, self._tls
        )
        # Not to be cancelled: the Common Runtime would trip over that.
        connected = asyncio.wrap_future(connecting)
        # Nobody may be left to look at the error of one that was given up.
        connected.add_done_callback(lambda future: future.cancelled() or future.exception())
        await asyncio.wait([connected], timeout=_SLOW_CONNECT_SECONDS)
        if self._tls is not None and not _is_connected(connected):
            probing = self._probe()
            await asyncio.wait(
                [probing] if connected.done() else [probing, connected],
                return_when=asyncio.FIRST_COMPLETED,
            )
            problem = probing.result() if probing.done() else None
            if problem is not None and not _is_connected(connected):
                raise UntrustedCertificate(self._url, problem)
        return await asyncio.shield(connected)

    def _probe(self) -> asyncio.Future[str | None]:
        """Look at the server's certificate, once for all calls that wait for a connection."""
        if self._probing is None or (self._probing.done() and self._probing.result() is None):
            found: Future[str | None] = Future()
            # No thread of the event loop's: it would wait for it at its end, and to find out a
            # host's address can take long.
            Thread(
                target=lambda: found.set_result(
                    certificate_problem(self._host, self._port, self._roots)
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
    ) -> Answer:
        """Send a request; keep the connection if there is an answer, close it if there is none.

        Raises:
            ConnectionClosedError: It was closed before, and nothing of the request was sent.
        """
        try:
            answer = await self._answer(connection, request, needs_headers=needs_headers)
        except BaseException:
            # An answer may still come over it: nobody else may have it.
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
    ) -> Answer:
        loop = asyncio.get_running_loop()
        completed: asyncio.Future[Future[int]] = loop.create_future()
        chunks: list[bytes] = []
        answered: list[tuple[str, str]] = []
        try:
            stream = connection.request(
                request,
                # Each is called on a thread of the Common Runtime's, for which the others wait.
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
                raise UnsendableRequest(error="its path or a header is malformed") from error
            raise ConnectionClosedError(endpoint_url=self._url) from error
        status = (await completed).result()
        headers = {name.lower(): value for name, value in answered}
        return Answer(status, headers, b"".join(chunks))


def _is_invalid_request(error: RuntimeError) -> bool:
    """Return whether a part of the request is invalid; else its connection is closed.

    The Common Runtime's code for it is nowhere but in the text.
    """
    return _INVALID in str(error)


def _is_connected(connected: asyncio.Future[http.HttpClientConnection]) -> bool:
    return connected.done() and connected.exception() is None


def _hand_over(result: Future[int], waiting: asyncio.Future[Future[int]]) -> None:
    if not waiting.cancelled():
        waiting.set_result(result)


@cache
def _bootstrap() -> io.ClientBootstrap:
    # One thread of the Common Runtime's own, for the life of the process.
    threads = io.EventLoopGroup(1)
    return io.ClientBootstrap(threads, io.DefaultHostResolver(threads))


def _tls(roots: bytes, host: str) -> io.TlsConnectionOptions:
    options = io.TlsContextOptions()
    options.override_default_trust_store(roots)
    try:
        context = io.ClientTlsContext(options)
    except RuntimeError as error:
        raise ConfigurationError(
            "the certificates to trust are not in PEM format",
            hint="check the file that AWS_CA_BUNDLE, or ca_bundle of the profile, names",
            setting="AWS_CA_BUNDLE",
        ) from error
    connection: io.TlsConnectionOptions = context.new_connection_options()
    connection.set_server_name(host)
    return connection
