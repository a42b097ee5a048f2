"""HTTP calls to one server, by the AWS Common Runtime, from an event loop.

The Common Runtime (``awscrt``) is the HTTP client and TLS of the AWS CLI. Here are only what it
leaves to its users: which connection a call takes, and how long it may last in all.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from awscrt import http, io
from awscrt.exceptions import AwsCrtError
from botocore.exceptions import HTTPClientError, ReadTimeoutError

from eventdrain.adapters.trust import UntrustedCertificate, certificate_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from concurrent.futures import Future

_CONNECT_MILLISECONDS: Final = 2000
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
        self._is_trusted = self._tls is None

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
            UntrustedCertificate: The server's certificate is not trusted.
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
                    self._prepare(request)
                    connection = await self._connection()
                    try:
                        answer = await self._send(connection, request, needs_headers=needs_headers)
                    except BaseException:
                        # An answer may still come over it: nobody else may have it.
                        self._close(connection)
                        raise
            except TimeoutError as error:
                await self._raise_if_untrusted()
                raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
            except AwsCrtError as error:
                await self._raise_if_untrusted()
                raise HTTPClientError(error=error.name) from error
            except RuntimeError as error:
                # What the Common Runtime raises at once is no AwsCrtError, as where a connection
                # that was kept open is closed before the request is sent.
                raise HTTPClientError(error="the call could not be started") from error
            self._is_trusted = True
            self._idle.append(connection)
        return answer

    async def _raise_if_untrusted(self) -> None:
        """Find out, where no call succeeded yet, whether the server's certificate is why.

        The Common Runtime reports that after ten seconds or more, which no call waits for.

        Raises:
            UntrustedCertificate: It is.
        """
        if not self._is_trusted:
            problem = await asyncio.to_thread(
                certificate_problem, self._host, self._port, self._roots
            )
            if problem is not None:
                raise UntrustedCertificate(self._url, problem)

    async def _connection(self) -> http.HttpClientConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                return connection
        connecting = http.HttpClientConnection.new(
            self._host, self._port, _bootstrap(), self._socket, self._tls
        )
        # Not to be cancelled: the Common Runtime would trip over that.
        return await asyncio.shield(asyncio.wrap_future(connecting))

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
        loop = asyncio.get_running_loop()
        completed: asyncio.Future[Future[int]] = loop.create_future()
        chunks: list[bytes] = []
        answered: list[tuple[str, str]] = []
        stream = connection.request(
            request,
            # Each is called on a thread of the Common Runtime's, which the others then wait for.
            on_response=(lambda headers, **_: answered.extend(headers)) if needs_headers else None,
            on_body=lambda chunk, **_: chunks.append(chunk),
        )
        stream.completion_future.add_done_callback(
            lambda future: loop.call_soon_threadsafe(_hand_over, future, completed)
        )
        stream.activate()
        status = (await completed).result()
        headers = {name.lower(): value for name, value in answered}
        return Answer(status, headers, b"".join(chunks))


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
    connection: io.TlsConnectionOptions = io.ClientTlsContext(options).new_connection_options()
    connection.set_server_name(host)
    return connection
