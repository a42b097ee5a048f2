"""An AWS over HTTP with made-up answers, and its answers about a made-up stack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from types import TracebackType

STACK: Final = "made-up-stack"


class HttpAws(ABC):
    """The server, to be used in a ``with``.

    Attributes:
        headers: Headers of each answer, besides its length.
    """

    headers: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def answer(self, headers: Message, path: str, body: str) -> tuple[int, bytes]:
        """Return the answer to a request: status and body."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        answer, headers = self.answer, self.headers

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                status, payload = answer(self.headers, self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                for header in headers.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def describe_stacks(
    stack_name: str, outputs: Mapping[str, str], parameters: Mapping[str, str]
) -> tuple[int, bytes]:
    """Return the answer to DescribeStacks, with one stack."""
    if stack_name != STACK:
        return failure("ValidationError", f"Stack with id {stack_name} does not exist")
    return 200, (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
        f"<StackName>{STACK}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>"
        "<CreationTime>2026-03-01T00:00:00Z</CreationTime>"
        f"<Outputs>{_members('Output', outputs)}</Outputs>"
        f"<Parameters>{_members('Parameter', parameters)}</Parameters>"
        "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    ).encode()


def failure(code: str, message: str) -> tuple[int, bytes]:
    """Return an error of CloudFormation."""
    return 400, (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    ).encode()


def _members(kind: str, values: Mapping[str, str]) -> str:
    return "".join(
        f"<member><{kind}Key>{key}</{kind}Key><{kind}Value>{escape(value)}</{kind}Value></member>"
        for key, value in values.items()
    )
