"""A reverse proxy for one AWS service that injects faults and writes a journal.

The engine calls it by plain HTTP. It calls the embedded AWS, which checks no signatures, by TLS. As
faults happen on the wire, botocore and the Common Runtime themselves handle them.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import urllib3

from simulator.injection import Faults
from tests.faults.journal import Journal, ids_of_object, ids_of_taken_entries
from tests.faults.tcp_proxy import reset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_OK: Final = 200
_ALREADY_THERE: Final = 412
_CONNECTIONS: Final = 64
_QUOTED: Final = 300
"""How much of a request an error quotes, as services do: so the engine must not repeat it."""
_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "expect", "transfer-encoding"})


@dataclass(frozen=True, kw_only=True)
class HttpFault:
    """A fault of one call. Use the class for the operation.

    Attributes:
        delay: Real time before the call is processed.
        status: The status of an error, instead of the service's answer.
        code: The code of that error.
        is_reset: The connection is reset instead of an answer.
        is_unanswered: The connection stays open without an answer.
        is_forwarded: Whether the service receives the call, so that only the answer is lost.
    """

    delay: timedelta = timedelta(0)
    status: int | None = None
    code: str = "InternalError"
    is_reset: bool = False
    is_unanswered: bool = False
    is_forwarded: bool = False

    @property
    def hides_answer(self) -> bool:
        """Whether the engine doesn't receive the service's answer."""
        return self.is_reset or self.is_unanswered or self.status is not None


@dataclass(frozen=True, kw_only=True)
class PutObjectFault(HttpFault):
    """Strikes S3's PutObject."""


@dataclass(frozen=True, kw_only=True)
class GetSecretFault(HttpFault):
    """Strikes GetSecretValue."""


@dataclass(frozen=True, kw_only=True)
class DescribeSecretFault(HttpFault):
    """Strikes DescribeSecret.

    Attributes:
        older_by: By how much the answer makes the secret older than it is.
    """

    older_by: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class PutSecretFault(HttpFault):
    """Strikes PutSecretValue."""


@dataclass(frozen=True, kw_only=True)
class SendBatchFault(HttpFault):
    """Strikes SendMessageBatch.

    Attributes:
        failed: Positions of the entries that fail, in an answer with status 200.
        failed_code: The code of their failure.
        is_senders_fault: The failure's ``SenderFault``.
    """

    failed: tuple[int, ...] = ()
    failed_code: str = "InternalError"
    is_senders_fault: bool = False


_KINDS: Final[dict[str, type[HttpFault]]] = {
    "PutObject": PutObjectFault,
    "SendMessageBatch": SendBatchFault,
    "GetSecretValue": GetSecretFault,
    "DescribeSecret": DescribeSecretFault,
    "PutSecretValue": PutSecretFault,
}


class _Request(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class _Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class HttpProxy:
    """A proxy for the length of a ``with`` block.

    Args:
        service: ``s3``, ``sqs`` or ``secretsmanager``.
        upstream: URL of the service.
        ca_bundle: Certificates to trust there.
    """

    def __init__(self, *, service: str, upstream: str, ca_bundle: Path) -> None:
        address = urlsplit(upstream)
        self._service = service
        self._upstream = urllib3.HTTPSConnectionPool(
            address.hostname or "", address.port, ca_certs=str(ca_bundle), maxsize=_CONNECTIONS
        )
        self._faults, self._journal = Faults(), Journal()
        self._open: dict[object, socket.socket] = {}
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def open_connections(self) -> int:
        """Count the connections of clients, including those that are being opened."""
        # The kernel accepts them in the order in which they were opened: our own is the last.
        with socket.create_connection(("127.0.0.1", self.port)) as own:
            name = own.getsockname()
            while name not in self._open:
                sleep(0.001)
        while name in self._open:
            sleep(0.001)
        return len(self._open)

    def attach(self, faults: Faults, journal: Journal) -> None:
        """Use these faults and this journal from now on; end hanging calls."""
        self._faults, self._journal = faults, journal
        for connection in tuple(self._open.values()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        answer, opened = self._answer, self._open

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def handle(self) -> None:
                opened[self.client_address] = self.connection
                try:
                    with suppress(ConnectionError):
                        super().handle()
                finally:
                    del opened[self.client_address]

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = _Request(self.command, self.path, _end_to_end(dict(self.headers)), body)
                match answer(request):
                    case _Answer(status, headers, body):
                        self.send_response_only(status)
                        for name, value in headers.items():
                            self.send_header(name, value)
                        self.send_header("Content-Length", str(len(body)))
                        self.end_headers()
                        self.wfile.write(body)
                    case fault:
                        self.close_connection = True
                        if fault.is_reset:
                            reset(self.connection)
                        else:
                            self.rfile.read(1)  # until the client gives up

            do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815 - the names of its base

            def log_message(self, *_arguments: object) -> None:
                """Log nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = _CONNECTIONS

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="proxies", daemon=True
        ).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.attach(Faults(), Journal())
        self._upstream.close()

    def _answer(self, request: _Request) -> _Answer | HttpFault:
        """Return the answer to send, or the fault that prevents one."""
        operation = _operation(request)
        journal = self._journal  # that of this call, even if another is attached meanwhile
        kind = _KINDS.get(operation)
        faults: tuple[HttpFault, ...] = () if kind is None else self._faults.draw(kind)
        journal.note_call(operation, monotonic())
        sleep(max((fault.delay.total_seconds() for fault in faults), default=0.0))
        hiding = next((fault for fault in faults if fault.hides_answer), None)
        failing = next((f for f in faults if isinstance(f, SendBatchFault) and f.failed), None)
        if hiding is not None:
            if hiding.is_forwarded:
                self._forward(request)
            return hiding if hiding.status is None else self._error(hiding, request)
        answer = self._forward(request) if failing is None else self._without(failing, request)
        _record(journal, operation, request, answer)
        for fault in faults:
            if isinstance(fault, DescribeSecretFault):
                answer = answer._replace(body=_aged(answer.body, fault.older_by))
        return answer

    def _forward(self, request: _Request) -> _Answer:
        response = self._upstream.urlopen(
            request.method,
            request.target,
            request.body,
            request.headers,
            retries=False,
            decode_content=False,
        )
        return _Answer(response.status, _end_to_end(response.headers), response.data)

    def _without(self, fault: SendBatchFault, request: _Request) -> _Answer:
        """Forward a SendMessageBatch without some entries, and add them to the answer as failed."""
        content = json.loads(request.body)
        entries: list[dict[str, Any]] = content["Entries"]
        failed = [
            {
                "Id": entry["Id"],
                "Code": fault.failed_code,
                "Message": f"refused: {entry['MessageBody'][:_QUOTED]}",
                "SenderFault": fault.is_senders_fault,
            }
            for position, entry in enumerate(entries)
            if position in fault.failed
        ]
        taken = [entry for index, entry in enumerate(entries) if index not in fault.failed]
        result: dict[str, Any] = {"Successful": []}
        if taken:
            body = json.dumps({**content, "Entries": taken}).encode()
            answer = self._forward(request._replace(body=body))
            if answer.status != _OK:
                return answer
            result = json.loads(answer.body)
        result["Failed"] = [*result.get("Failed", ()), *failed]
        return _Answer(_OK, _content_type("x-amz-json-1.0"), json.dumps(result).encode())

    def _error(self, fault: HttpFault, request: _Request) -> _Answer:
        """Return an error in the service's protocol."""
        assert fault.status is not None
        if self._service == "s3":
            body = (
                f"<Error><Code>{fault.code}</Code><Message>injected</Message>"
                "<RequestId>made-up</RequestId></Error>"
            )
            return _Answer(fault.status, _content_type("xml"), body.encode())
        content = {
            "__type": f"com.amazonaws.{self._service}#{fault.code}",
            "message": f"refused: {request.body[:_QUOTED].decode(errors='replace')}",
        }
        kind = "x-amz-json-1.0" if self._service == "sqs" else "x-amz-json-1.1"
        return _Answer(fault.status, _content_type(kind), json.dumps(content).encode())


def _aged(description: bytes, by: timedelta) -> bytes:
    content = json.loads(description)
    content["CreatedDate"] -= by.total_seconds()
    return json.dumps(content).encode()


def _content_type(kind: str) -> dict[str, str]:
    return {"Content-Type": f"application/{kind}"}


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lower.items() if name not in _HOP_BY_HOP}


def _operation(request: _Request) -> str:
    target = request.headers.get("x-amz-target", "")
    return target.rpartition(".")[2] or ("PutObject" if request.method == "PUT" else "")


def _record(journal: Journal, operation: str, request: _Request, answer: _Answer) -> None:
    """Record the events that a service has accepted, according to its answer."""
    if operation == "PutObject" and answer.status in {_OK, _ALREADY_THERE}:
        journal.archived(ids_of_object(request.body), monotonic())
    elif operation == "SendMessageBatch" and answer.status == _OK:
        journal.published(ids_of_taken_entries(request.body, answer.body), monotonic())
