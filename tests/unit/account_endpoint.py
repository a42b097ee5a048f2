"""An AWS over HTTP that has one stack, and notes who asks it, and for which region."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.deliveries import LAYOUT, delivery_of
from tests.replay_archive import FakeArchive
from tools.pseudonym_key import KEY_OUTPUT

if TYPE_CHECKING:
    from types import TracebackType

STACK: Final = "made-up-stack"
SUBSCRIPTION: Final = "madeup:eu:0"
"""Whose event the archive has."""

_OUTPUTS: Final = {
    "ArchiveBucketName": LAYOUT.bucket,
    "OutboxQueueUrl": "https://sqs.example/made-up",
    KEY_OUTPUT: "arn:aws:secretsmanager:eu-north-1:111122223333:secret:made-up",
}
_PARAMETERS: Final = {
    "ArchivePrefix": LAYOUT.prefix,
    "EventTypes": "handset_change",
    "EventsPerMessage": "1",
    "QuarantinePrefix": "quarantine",
    "TablesPrefix": "tables",
}
_KEY: Final = "made-up-key-of-letters-and-digits-0123456789ABCDEF"
_SCOPE: Final = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


class Asked(NamedTuple):
    """What the signature of a request says."""

    service: str
    region: str
    access_key: str


class AccountEndpoint:
    """The server, to be used in a ``with``.

    Attributes:
        asked: What the requests were signed for.
        refusal: The code that CloudFormation refuses with; empty if it answers.
    """

    def __init__(self) -> None:
        self.asked: set[Asked] = set()
        self.refusal = ""
        archive = FakeArchive()
        archive.put([delivery_of(0)])
        ((self._key, self._object),) = archive.objects_by_key.items()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                scope = _SCOPE.search(self.headers["Authorization"])
                assert scope is not None
                asked = Asked(scope[3], scope[2], scope[1])
                endpoint.asked.add(asked)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                status, answer = endpoint.answer(asked.service, self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

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

    def answer(self, service: str, path: str, body: str) -> tuple[int, bytes]:
        """Answer a request: status and body."""
        if service == "cloudformation":
            return self._cloud_formation(parse_qs(body)["StackName"][0])
        if service == "s3":
            url = urlsplit(path)
            return 200, self._s3(unquote(url.path), parse_qs(url.query, keep_blank_values=True))
        if service == "sqs":
            sent = [{"Id": each["Id"]} for each in json.loads(body)["Entries"]]
            return 200, json.dumps({"Successful": sent}).encode()
        assert service == "secretsmanager"
        return 200, json.dumps({"SecretString": _KEY}).encode()

    def _cloud_formation(self, stack_name: str) -> tuple[int, bytes]:
        code, message = self.refusal, "made up: arn:aws:iam::111122223333:user/somebody"
        if stack_name != STACK:
            code, message = "ValidationError", f"Stack with id {stack_name} does not exist"
        if code:
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            return 400, f"<ErrorResponse>{error}</ErrorResponse>".encode()
        outputs = "".join(
            f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            for key, value in _OUTPUTS.items()
        )
        parameters = "".join(
            f"<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue>"
            "</member>"
            for key, value in _PARAMETERS.items()
        )
        return 200, (
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
            f"<StackName>{STACK}</StackName><Outputs>{outputs}</Outputs>"
            f"<Parameters>{parameters}</Parameters>"
            "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        ).encode()

    def _s3(self, path: str, query: dict[str, list[str]]) -> bytes:
        if "versions" in query:  # what there is to forget: nothing
            return b"<ListVersionsResult/>"
        if "list-type" not in query:
            assert path == f"/{LAYOUT.bucket}/{self._key}"
            return self._object
        folder = self._key.rpartition("/")[0]
        listed = f"<Contents><Key>{self._key}</Key><Size>{len(self._object)}</Size></Contents>"
        if "delimiter" in query:
            listed = f"<CommonPrefixes><Prefix>{folder}/</Prefix></CommonPrefixes>"
        elif query["start-after"] == [self._key]:
            listed = ""
        return f"<ListBucketResult>{listed}</ListBucketResult>".encode()
