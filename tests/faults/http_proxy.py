"""A reverse proxy before one AWS service, which breaks what it is told to, and keeps a journal.

The engine calls it in plain HTTP, it calls the embedded AWS by TLS with the same ``Host``, so that
signatures stay valid. What its faults do happens on the wire: botocore and the Common Runtime
themselves have to cope with it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from simulator.injection import Faults
from tests.faults.http_messages import Message, read_answer, read_request, unwrapped
from tests.faults.journal import Journal, ids_of_object, ids_of_taken_entries
from tests.faults.loop_thread import reset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from tests.faults.loop_thread import LoopThread

_OK: Final = 200
_ALREADY_THERE: Final = 412
_FRESH_SECONDS: Final = 2.0
"""For how long a connection to the embedded AWS is used again: it closes idle ones after five."""
_QUOTED: Final = 300
"""How much of a request an error quotes. Services do that, so no engine may repeat their text."""


@dataclass(frozen=True, kw_only=True)
class HttpFault:
    """What befalls one call. Use the class of the operation that it shall strike.

    Attributes:
        delay: Real time before the call is looked at.
        status: Answered, with the code below, in place of the service's own answer.
        code: The error's code as the service names it.
        is_reset: The connection is reset in place of an answer.
        is_unanswered: The connection stays open, and nothing comes.
        is_forwarded: Whether the service gets the call although its answer is one of the three
            above: then only the answer is lost.
    """

    delay: timedelta = timedelta(0)
    status: int | None = None
    code: str = "InternalError"
    is_reset: bool = False
    is_unanswered: bool = False
    is_forwarded: bool = False

    @property
    def hides_answer(self) -> bool:
        """Whether the engine doesn't get the service's answer."""
        return self.is_reset or self.is_unanswered or self.status is not None


@dataclass(frozen=True, kw_only=True)
class PutObjectFault(HttpFault):
    """Strikes S3's PutObject."""


@dataclass(frozen=True, kw_only=True)
class GetSecretFault(HttpFault):
    """Strikes GetSecretValue."""


@dataclass(frozen=True, kw_only=True)
class PutSecretFault(HttpFault):
    """Strikes PutSecretValue."""


@dataclass(frozen=True, kw_only=True)
class SendBatchFault(HttpFault):
    """Strikes SendMessageBatch.

    Attributes:
        failed: Positions of the entries that the queue doesn't take, in an answer of status 200
            that says so.
        failed_code: The code that it gives for them.
        is_senders_fault: Whether it says that the sender is at fault.
    """

    failed: tuple[int, ...] = ()
    failed_code: str = "InternalError"
    is_senders_fault: bool = False


_KINDS: Final[dict[str, type[HttpFault]]] = {
    "PutObject": PutObjectFault,
    "SendMessageBatch": SendBatchFault,
    "GetSecretValue": GetSecretFault,
    "PutSecretValue": PutSecretFault,
}


@dataclass(eq=False)
class _Upstream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float = field(default_factory=monotonic)


class HttpProxy:
    """A proxy for the length of a ``with`` block; the port is free by then.

    Args:
        loop: Where it runs.
        service: The service's name in signatures: ``s3``, ``sqs`` or ``secretsmanager``.
        upstream: The service's own address.
        ca_bundle: What certificate to trust there.
        region: The region in signatures.
    """

    def __init__(
        self, loop: LoopThread, *, service: str, upstream: str, ca_bundle: Path, region: str
    ) -> None:
        address = urlsplit(upstream)
        self._loop = loop
        self._service = service
        self._address = (address.hostname or "", address.port or 443)
        self._trust = ssl.create_default_context(cafile=ca_bundle)
        self._region = region
        self._faults = Faults()
        self._journal = Journal()
        self._idle: list[_Upstream] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        """How many connections clients hold to it."""
        return len(self._open)

    def accept_all(self) -> None:
        """Wait until every connection that was made before is counted as open.

        The kernel hands them over in the order in which they were made: so one of our own is last.
        """
        with socket.create_connection(("127.0.0.1", self.port)) as own:
            name = own.getsockname()
            while not self._has(name):
                sleep(0.001)
        while self._has(name):
            sleep(0.001)

    def _has(self, peer: object) -> bool:
        return any(each.get_extra_info("peername") == peer for each in tuple(self._open))

    def attach(self, faults: Faults, journal: Journal) -> None:
        """Draw faults from there and write this journal, from now on; hung calls are ended."""
        self._loop.run(self._attach(faults, journal))

    def __enter__(self) -> Self:
        self._loop.run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.run(self._stop())

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        for upstream in self._idle:
            upstream.writer.transport.abort()

    async def _attach(self, faults: Faults, journal: Journal) -> None:
        self._faults, self._journal = faults, journal
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (request := await read_request(reader, writer)) is not None:
                answer = await self._answer(request)
                if answer is None:
                    await reader.read(1)  # until the client gives up
                    break
                writer.write(answer.encode())
                await writer.drain()
        except _Broken:
            reset(writer)
        except ConnectionError:
            pass  # the client has gone
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, request: Message) -> Message | None:
        """Give the answer to send; None to send none.

        Raises:
            _Broken: The connection shall be reset.
        """
        operation = _operation(request)
        journal = self._journal  # this call's, whatever is attached meanwhile
        kind = _KINDS.get(operation)
        faults: tuple[HttpFault, ...] = () if kind is None else self._faults.draw(kind)
        journal.note_call(operation, monotonic())
        if delay := max((fault.delay.total_seconds() for fault in faults), default=0.0):
            await asyncio.sleep(delay)
        hiding = next((fault for fault in faults if fault.hides_answer), None)
        answer = None
        if hiding is None or hiding.is_forwarded:
            failing = next((f for f in faults if isinstance(f, SendBatchFault) and f.failed), None)
            answer = await (
                self._forward(request) if failing is None else self._forward_some(request, failing)
            )
        if hiding is None:
            assert answer is not None
            _enter(journal, operation, request, answer)
            return answer
        if hiding.is_reset:
            raise _Broken
        return None if hiding.is_unanswered else self._error(hiding, request)

    async def _forward(self, request: Message) -> Message:
        upstream = await self._upstream()
        try:
            upstream.writer.write(request.encode())
            await upstream.writer.drain()
            answer = await read_answer(upstream.reader)
        except BaseException:
            upstream.writer.transport.abort()
            raise
        upstream.used_at = monotonic()
        self._idle.append(upstream)
        return answer

    async def _forward_some(self, request: Message, fault: SendBatchFault) -> Message:
        """Forward a SendMessageBatch without some of its entries, and answer that they failed."""
        content = json.loads(request.body)
        entries: list[dict[str, Any]] = content["Entries"]
        failed = [
            {
                "Id": entries[position]["Id"],
                "Code": fault.failed_code,
                "Message": f"refused: {entries[position]['MessageBody'][:_QUOTED]}",
                "SenderFault": fault.is_senders_fault,
            }
            for position in fault.failed
            if position < len(entries)
        ]
        taken = [entry for index, entry in enumerate(entries) if index not in fault.failed]
        result: dict[str, Any] = {"Successful": []}
        if taken:
            body = json.dumps({**content, "Entries": taken}).encode()
            answer = await self._forward(self._signed(replace(request, body=body)))
            if answer.status != _OK:
                return answer
            result = json.loads(answer.body)
        result["Failed"] = [*result.get("Failed", ()), *failed]
        return Message.answer(
            _OK, json.dumps(result).encode(), (("Content-Type", "application/x-amz-json-1.0"),)
        )

    def _signed(self, request: Message) -> Message:
        """Sign a request anew, for its body has changed."""
        method, target, _ = request.first_line.split()
        kept = {
            name: value
            for name, value in request.headers
            if name.lower() in {"host", "content-type", "x-amz-target"}
        }
        signing = AWSRequest(method, f"http://{kept['Host']}{target}", kept, request.body)
        key = "test"  # the emulator's well-known one, which the engine has too
        SigV4Auth(Credentials(key, key), self._service, self._region).add_auth(signing)
        return replace(request, headers=tuple(signing.headers.items()))

    async def _upstream(self) -> _Upstream:
        while self._idle:
            upstream = self._idle.pop()
            if monotonic() - upstream.used_at < _FRESH_SECONDS and not upstream.reader.at_eof():
                return upstream
            upstream.writer.transport.abort()
        host, port = self._address
        reader, writer = await asyncio.open_connection(
            host, port, ssl=self._trust, limit=4 * 1024 * 1024
        )
        return _Upstream(reader, writer)

    def _error(self, fault: HttpFault, request: Message) -> Message:
        """Make an error in the service's protocol."""
        assert fault.status is not None
        if self._service == "s3":
            body = (
                f"<Error><Code>{fault.code}</Code><Message>injected</Message>"
                "<RequestId>made-up</RequestId></Error>"
            )
            return Message.answer(
                fault.status, body.encode(), (("Content-Type", "application/xml"),)
            )
        quoted = request.body[:_QUOTED].decode(errors="replace")
        content = {
            "__type": f"com.amazonaws.{self._service}#{fault.code}",
            "message": f"refused: {quoted}",
        }
        kind = "1.0" if self._service == "sqs" else "1.1"
        return Message.answer(
            fault.status,
            json.dumps(content).encode(),
            (("Content-Type", f"application/x-amz-json-{kind}"),),
        )


class _Broken(Exception):
    """The connection shall be reset."""


def _operation(request: Message) -> str:
    target = request.header("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    return "PutObject" if request.first_line.startswith("PUT ") else request.first_line


def _enter(journal: Journal, operation: str, request: Message, answer: Message) -> None:
    """Enter what a service has taken, as the answer says that now goes to the engine."""
    now = monotonic()
    if operation == "PutObject" and answer.status in {_OK, _ALREADY_THERE}:
        ids: Sequence[str] = ids_of_object(unwrapped(request))
        journal.archived(ids, now)
    elif operation == "SendMessageBatch" and answer.status == _OK:
        journal.published(ids_of_taken_entries(request.body, answer.body), now)
