"""Signed HTTP calls to one AWS endpoint, by the AWS Common Runtime, from an event loop.

botocore spends about 1,100 microseconds of CPU time on a SendMessageBatch from a thread of a pool,
most of it on finding out anew what stays the same from call to call; this spends about 150, and a
call can be given up at any moment, which a thread can't. The Common Runtime (the HTTP client, TLS
and signer of the AWS CLI) does the work that is not ours; endpoint, region, credentials and trusted
certificates are those that a boto3 client found, and errors are raised as botocore raises them.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from awscrt import http, io
from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.exceptions import AwsCrtError
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from concurrent.futures import Future

    from eventdrain.adapters.aws_clients import AwsEndpoint

_CONNECT_MILLISECONDS: Final = 2000
_CALL_SECONDS: Final = 7.0
_CLOSING_SECONDS: Final = 1.0
_OK: Final = 200
_ERROR_CODE: Final = re.compile(
    rb'"__type"\s*:\s*"(?:[^"#]*#)?([\w.]+)"|<Code>([\w.]+)</Code>', re.ASCII
)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class SignedHttp:
    """Calls one endpoint over connections that are kept open. Made by :meth:`connect`.

    Args:
        endpoint: Where, and as whom.
        calls_at_once: How many calls may be under way; the others wait.
    """

    def __init__(self, endpoint: AwsEndpoint, *, calls_at_once: int) -> None:
        address = urlsplit(endpoint.url)
        self.url = endpoint.url
        self._base_path = address.path
        self._host = address.hostname or ""
        self._port = address.port or _DEFAULT_PORTS[address.scheme]
        self._tls = _tls(endpoint.ca_bundle, self._host) if address.scheme == "https" else None
        self._socket = io.SocketOptions()
        self._socket.connect_timeout_ms = _CONNECT_MILLISECONDS
        self._headers = [("Host", address.netloc)]
        self._signing = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=AwsCredentialsProvider.new_static(
                endpoint.access_key, endpoint.secret_key, endpoint.session_token
            ),
            region=endpoint.region,
            service=endpoint.service,
            # As S3 asks for; the others, whose paths need neither, don't mind.
            signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
        )
        self._free = asyncio.Semaphore(calls_at_once)
        self._idle: list[http.HttpClientConnection] = []
        self._closing: list[Future[None]] = []

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, endpoint: AwsEndpoint, *, calls_at_once: int
    ) -> AsyncIterator[SignedHttp]:
        """Make one; its connections are opened as calls need them, and closed with the context."""
        client = cls(endpoint, calls_at_once=calls_at_once)
        try:
            yield client
        finally:
            for connection in client._idle:
                client._close(connection)
            # Their last words are for this event loop: it must outlive them.
            if closing := [asyncio.wrap_future(future) for future in client._closing]:
                await asyncio.wait(closing, timeout=_CLOSING_SECONDS)

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> bytes:
        """Call an operation and give the answer's body.

        Args:
            operation: Its name, for errors.
            method: HTTP's.
            path: What follows the endpoint's URL, percent-encoded, with a slash at its begin.
            headers: What the service's protocol asks for.
            body: Of the request.

        Raises:
            ClientError: The service answered with an error.
            HTTPClientError: It can't be reached, or broke the connection: what was sent may have
                been taken all the same.
        """
        length = ("Content-Length", str(len(body)))
        request = http.HttpRequest(
            method,
            f"{self._base_path}{path}",
            http.HttpHeaders([*self._headers, *headers, length]),
            BytesIO(body),
        )
        async with self._free:
            try:
                async with asyncio.timeout(_CALL_SECONDS):
                    connection = await self._connection()
                    try:
                        status, answer = await self._send(connection, request)
                    except BaseException:
                        # An answer may still come over it: nobody else may have it.
                        self._close(connection)
                        raise
            except TimeoutError as error:
                raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
            except AwsCrtError as error:
                raise HTTPClientError(error=error.name) from error
            self._idle.append(connection)
        if status != _OK:
            raise _client_error(status, answer, operation)
        return answer

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
        self, connection: http.HttpClientConnection, request: http.HttpRequest
    ) -> tuple[int, bytes]:
        # With credentials that are at hand it is signed when this returns.
        aws_sign_request(request, self._signing).result()
        loop = asyncio.get_running_loop()
        completed: asyncio.Future[Any] = loop.create_future()
        chunks: list[bytes] = []
        stream = connection.request(request, on_body=lambda chunk, **_: chunks.append(chunk))
        stream.completion_future.add_done_callback(
            lambda future: loop.call_soon_threadsafe(_hand_over, future, completed)
        )
        stream.activate()
        return (await completed).result(), b"".join(chunks)


def _hand_over(result: Any, waiting: asyncio.Future[Any]) -> None:  # noqa: ANN401 - of any kind
    if not waiting.cancelled():
        waiting.set_result(result)


def _client_error(status: int, answer: bytes, operation: str) -> ClientError:
    """Read an error of AWS's JSON or XML protocols; the code is all that is taken from it."""
    found = _ERROR_CODE.search(answer)
    code = (found[1] or found[2]).decode() if found else f"HTTP {status}"
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


@cache
def _bootstrap() -> io.ClientBootstrap:
    # One thread of the Common Runtime's own, for the life of the process.
    threads = io.EventLoopGroup(1)
    return io.ClientBootstrap(threads, io.DefaultHostResolver(threads))


def _tls(ca_bundle: str, host: str) -> io.TlsConnectionOptions:
    options = io.TlsContextOptions()
    options.override_default_trust_store_from_path(ca_filepath=ca_bundle)
    connection: io.TlsConnectionOptions = io.ClientTlsContext(options).new_connection_options()
    connection.set_server_name(host)
    return connection
