"""An OAuth 2.0 token endpoint on the loopback interface: the client credentials grant.

It is strict: it accepts a client's id and secret only by HTTP Basic, and returns the errors of RFC
6749, section 5.2. It shares a ``TokenLedger`` with the event server, which accepts its tokens.
"""

from __future__ import annotations

import base64
import hmac
import json
import socket
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, unquote_plus

from simulator.injection import Faults
from simulator.token_ledger import TokenLedger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

_PATH: Final = "/oauth2/token"
_LONGEST_BODY: Final = 64 * 1024
_STOP_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class TokenFault:
    """A fault of one request. Of several at once, the longest times and the first status count.

    Attributes:
        delay: Real time before the server processes the request.
        is_unanswered: The connection stays open without an answer.
        status: The status to answer with, instead of processing the request. For a redirect, add a
            ``Location`` header.
        body: Of that answer.
        content_type: Of that answer.
        headers: Of that answer, such as ``("Retry-After", "1")``.
        drip: Real time between two bytes of any answer.
        fields: JSON values to change in a successful answer, not in the ledger.
        omitted: Fields to leave out of a successful answer.
    """

    delay: timedelta = timedelta(0)
    is_unanswered: bool = False
    status: int | None = None
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    drip: timedelta = timedelta(0)
    fields: tuple[tuple[str, Any], ...] = ()
    omitted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Client:
    secret: str = field(repr=False)
    scopes: frozenset[str]


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...]


class _Refused(Exception):
    """The request is answered with an error of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class TokenServer:
    """A token endpoint. Its methods may be called from any thread.

    ``with TokenServer(event_server.tokens) as server:`` serves on a free port until the block
    ends; then its port, its connections and its threads are gone. An object serves once.

    A client is granted the requested scopes that it is allowed; if none is allowed, the error is
    ``invalid_scope``. A request without scopes is granted none. With ``narrows=False`` the error is
    ``invalid_scope`` if any requested scope is not allowed.

    Args:
        tokens: The ledger for minted tokens; share it with an event server.
        lifetime: The lifetime of tokens; may be changed while the server runs.
        narrows: Whether scopes that aren't allowed are left out instead of an error; may be changed
            while the server runs.
        faults: The faults to inject; may be changed while the server runs.
        host: The address to listen on.
        port: The port; 0 for a free one.
    """

    def __init__(
        self,
        tokens: TokenLedger | None = None,
        *,
        lifetime: timedelta = timedelta(seconds=3599),
        narrows: bool = True,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.tokens = tokens or TokenLedger()
        self.lifetime = lifetime
        self.narrows = narrows
        self.faults = faults or Faults()
        self.port = port
        self._host = host
        self._lock = threading.Lock()
        self._clients: dict[str, _Client] = {}
        self._outcomes: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._http: _HttpServer | None = None

    def register(self, client_id: str, client_secret: str, scopes: Iterable[str] = ()) -> None:
        """Add a client, or replace the one with this id, and allow it these scopes."""
        with self._lock:
            self._clients[client_id] = _Client(client_secret, frozenset(scopes))

    @property
    def endpoint(self) -> str:
        """The URL for token requests."""
        return f"http://{self._host}:{self.port}{_PATH}"

    @property
    def minted(self) -> int:
        """How many tokens it has minted."""
        return self.requests().get("minted", 0)

    def requests(self) -> dict[str, int]:
        """Return the number of requests by outcome.

        Outcomes are ``minted``, the error codes of RFC 6749, ``injected`` and ``unanswered`` for
        faults, ``not_found`` and ``method_not_allowed``.
        """
        with self._lock:
            return dict(self._outcomes)

    def start(self) -> Self:
        """Listen.

        Raises:
            OSError: The port is not available.
        """
        self._http = _HttpServer((self._host, self.port), self)
        self.port = self._http.server_port
        self._http.start()
        return self

    def stop(self) -> None:
        """End all connections at once, close the port and wait for the threads. Idempotent."""
        self._stopping.set()
        if self._http is not None:
            self._http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def respond(self, request: _Handler) -> None:
        """Answer one request, unless a fault prevents it. Called by the connection's thread."""
        faults = self.faults.draw(TokenFault)
        delay = max((fault.delay.total_seconds() for fault in faults), default=0.0)
        if delay and self._stopping.wait(delay):
            return
        if any(fault.is_unanswered for fault in faults):
            self._count("unanswered")
            self._stopping.wait()
            return
        answer = _status_answer(faults)
        if answer is not None:
            self._count("injected")
        else:
            answer = self._answer(request, faults)
        drip_seconds = max((fault.drip.total_seconds() for fault in faults), default=0.0)
        self._write(request, answer, drip_seconds)

    def _answer(self, request: _Handler, faults: tuple[TokenFault, ...]) -> _Answer:
        if request.path != _PATH:
            self._count("not_found")
            return _Answer(HTTPStatus.NOT_FOUND, b"", ())
        if request.command != "POST":
            self._count("method_not_allowed")
            return _Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"", (("Allow", "POST"),))
        try:
            answer: dict[str, Any] = self._mint(
                request.headers.get("Authorization"), _form(request)
            )
        except _Refused as refused:
            self._count(refused.error)
            headers = (("WWW-Authenticate", 'Basic realm="token endpoint"'),)
            return _json_answer(
                refused.status,
                {"error": refused.error, "error_description": refused.description},
                headers if refused.status == HTTPStatus.UNAUTHORIZED else (),
            )
        self._count("minted")
        for fault in faults:
            answer |= dict(fault.fields)
            answer = {name: value for name, value in answer.items() if name not in fault.omitted}
        return _json_answer(HTTPStatus.OK, answer, ())

    def _mint(self, authorization: str | None, form: Mapping[str, str]) -> dict[str, Any]:
        """Grant a token.

        Raises:
            _Refused: The client, the scopes or the form of the request are invalid.
        """
        if authorization is not None and "client_secret" in form:
            raise _Refused("invalid_request", "the client authenticates in two ways")
        client_id, client = self._authenticate(authorization)
        if "grant_type" not in form:
            raise _Refused("invalid_request", "grant_type is missing")
        if form["grant_type"] != "client_credentials":
            raise _Refused("unsupported_grant_type", "only client_credentials is supported")
        asked = form.get("scope", "").split()
        granted = [scope for scope in asked if scope in client.scopes]
        if asked and not granted:
            raise _Refused("invalid_scope", "the client may have none of these scopes")
        if len(granted) < len(asked) and not self.narrows:
            raise _Refused("invalid_scope", "the client may not have all of these scopes")
        lifetime = self.lifetime
        return {
            "access_token": self.tokens.issue(client_id, granted, lifetime).token,
            "expires_in": int(lifetime.total_seconds()),
            "scope": " ".join(granted),
            "token_type": "bearer",
        }

    def _authenticate(self, authorization: str | None) -> tuple[str, _Client]:
        kind, _, encoded = (authorization or "").partition(" ")
        if kind.lower() == "basic":
            try:
                pair = base64.b64decode(encoded, validate=True).decode()
            except ValueError:
                pair = ""
            client_id, _, secret = pair.partition(":")
            # RFC 6749, section 2.3.1: id and secret are form-encoded, then joined.
            client_id, secret = unquote_plus(client_id), unquote_plus(secret)
            with self._lock:
                client = self._clients.get(client_id)
            if client and hmac.compare_digest(secret.encode(), client.secret.encode()):
                return client_id, client
        raise _Refused(
            "invalid_client", "HTTP Basic with a known id and secret", HTTPStatus.UNAUTHORIZED
        )

    def _count(self, outcome: str) -> None:
        with self._lock:
            self._outcomes[outcome] += 1

    def _write(self, request: _Handler, answer: _Answer, drip_seconds: float) -> None:
        headers = (*answer.headers, ("Content-Length", str(len(answer.body))))
        head = "".join(
            f"{name}: {value}\r\n" for name, value in (*headers, ("Connection", "close"))
        )
        status = f"{answer.status} {responses.get(answer.status, 'Made Up')}"
        message = f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + answer.body
        if not drip_seconds:
            request.wfile.write(message)
            return
        for byte in message:
            request.wfile.write(bytes([byte]))
            if self._stopping.wait(drip_seconds):
                return


def _status_answer(faults: tuple[TokenFault, ...]) -> _Answer | None:
    for fault in faults:
        if fault.status is not None:
            headers = (*fault.headers, ("Content-Type", fault.content_type))
            return _Answer(fault.status, fault.body, headers)
    return None


def _json_answer(
    status: int, content: Mapping[str, Any], headers: tuple[tuple[str, str], ...]
) -> _Answer:
    uncached = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
    json_type = ("Content-Type", "application/json;charset=UTF-8")
    return _Answer(status, json.dumps(content).encode(), (*headers, *uncached, json_type))


def _form(request: _Handler) -> dict[str, str]:
    """Read a request's form; parameters without a value count as omitted.

    Raises:
        _Refused: It isn't a form, or has a parameter twice.
    """
    if request.headers.get_content_type() != "application/x-www-form-urlencoded":
        raise _Refused("invalid_request", "the body is not form-encoded")
    if request.body is None:
        raise _Refused("invalid_request", "the body's length is missing or too large")
    try:
        pairs = parse_qsl(request.body.decode(), errors="strict")
    except ValueError:
        raise _Refused("invalid_request", "the body is not form-encoded") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _Refused("invalid_request", "a parameter is repeated")
    return form


class _Handler(BaseHTTPRequestHandler):
    """Reads one request of a connection; the token server answers it."""

    server: _HttpServer
    body: bytes | None
    """None if its length is missing or too large."""

    def do_POST(self) -> None:
        # The body is always read: closing a connection with unread bytes resets it, and the client
        # may lose the answer.
        length = self.headers.get("Content-Length", "")
        is_readable = length.isascii() and length.isdigit() and int(length) <= _LONGEST_BODY
        self.body = self.rfile.read(int(length)) if is_readable else None
        self.server.tokens.respond(self)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's
        """Log nothing: a request holds a secret."""


class _HttpServer(ThreadingHTTPServer):
    """A server with a thread for each connection; all of them can be ended."""

    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], tokens: TokenServer) -> None:
        super().__init__(address, _Handler)
        self.tokens = tokens
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_STOP_POLL_SECONDS,), name="token-server"
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in tuple(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has already ended
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing if a client has disconnected."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
