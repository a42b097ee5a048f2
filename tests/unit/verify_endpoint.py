"""An Athena and a CloudFormation that answer over HTTP what they are told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3
from botocore.validate import validate_parameters

if TYPE_CHECKING:
    from types import TracebackType

STACK: Final = "made-up-stack"
OUTPUTS: Final = {
    "DatabaseName": "made_up_events",
    "WorkGroupName": "made-up-group",
    "CompactionStateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:compaction",
}
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "made-up",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}

_ROWS_A_PAGE: Final = 2
_SERVICE: Final = boto3.Session(region_name="eu-west-1").client("athena").meta.service_model


@dataclass(frozen=True)
class Scripted:
    """What becomes of a query.

    Attributes:
        states: What each look at it finds; the last one stays.
        columns: Of the result.
        rows: Of the result; None is null.
        reason: That is given with the state.
        scanned: Bytes.
    """

    states: tuple[str, ...] = ("SUCCEEDED",)
    columns: tuple[str, ...] = ("dt",)
    rows: tuple[tuple[str | None, ...], ...] = ()
    reason: str | None = None
    scanned: int = 1_234_567


@dataclass(frozen=True)
class Started:
    """A query that was started."""

    sql: str
    parameters: tuple[str, ...]
    database: str
    work_group: str


Script: TypeAlias = Callable[[Started], Scripted]


@dataclass
class VerifyEndpoint:
    """The server, to be used in a ``with``.

    Athena's answers are checked against botocore's model of its API.

    Attributes:
        script: What becomes of each query.
        outputs: The outputs of the one stack there is.
        throttled: How many calls of Athena are yet to be refused as too many.
        started: The queries, in the order of their start.
        stopped: Those of them that were stopped.
        most_at_once: How many of them were under way at once, at the most.
    """

    script: Script = lambda _started: Scripted()
    outputs: dict[str, str] = field(default_factory=lambda: dict(OUTPUTS))
    throttled: int = 0
    started: list[Started] = field(default_factory=list)
    stopped: list[Started] = field(default_factory=list)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._looks: dict[str, int] = {}
        self._under_way: set[str] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                operation = self.headers.get("X-Amz-Target", "").removeprefix("AmazonAthena.")
                status, answer = (
                    endpoint.athena(operation, json.loads(body))
                    if operation
                    else endpoint.cloud_formation(parse_qs(body)["StackName"][0])
                )
                payload = answer.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
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

    def cloud_formation(self, stack_name: str) -> tuple[int, str]:
        """Answer DescribeStacks."""
        if stack_name != STACK:
            message = f"Stack with id {stack_name} does not exist"
            return 400, (
                "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>"
                f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
            )
        outputs = "".join(
            f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            for key, value in self.outputs.items()
        )
        return 200, (
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
            f"<StackName>{STACK}</StackName><Outputs>{outputs}</Outputs>"
            "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )

    def athena(self, operation: str, request: dict[str, Any]) -> tuple[int, str]:
        """Answer a call of Athena."""
        with self._lock:
            if self.throttled:
                self.throttled -= 1
                refusal = {"__type": "ThrottlingException", "message": "Rate exceeded"}
                return 400, json.dumps(refusal)
            answer = getattr(self, f"_{operation}")(request)
        shape = _SERVICE.operation_model(operation).output_shape
        if shape is None:
            raise TypeError(f"{operation} has no answer")
        validate_parameters(answer, shape)
        return 200, json.dumps(answer)

    def _StartQueryExecution(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - its name in the API
        execution_id = str(len(self.started))
        self.started.append(
            Started(
                request["QueryString"],
                tuple(request.get("ExecutionParameters", ())),
                request["QueryExecutionContext"]["Database"],
                request["WorkGroup"],
            )
        )
        self._under_way.add(execution_id)
        self.most_at_once = max(self.most_at_once, len(self._under_way))
        return {"QueryExecutionId": execution_id}

    def _GetQueryExecution(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        execution_id = request["QueryExecutionId"]
        scripted = self._scripted(execution_id)
        look = self._looks.get(execution_id, 0)
        self._looks[execution_id] = look + 1
        state = scripted.states[min(look, len(scripted.states) - 1)]
        if state not in {"QUEUED", "RUNNING"}:
            self._under_way.discard(execution_id)
        status = {"State": state}
        if scripted.reason is not None:
            status["StateChangeReason"] = scripted.reason
        return {
            "QueryExecution": {
                "QueryExecutionId": execution_id,
                "Status": status,
                "Statistics": {
                    "DataScannedInBytes": scripted.scanned,
                    "TotalExecutionTimeInMillis": 1500,
                },
            }
        }

    def _GetQueryResults(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        scripted = self._scripted(request["QueryExecutionId"])
        rows = [scripted.columns, *scripted.rows]
        first = int(request.get("NextToken", 0))
        following = first + _ROWS_A_PAGE
        page: dict[str, Any] = {
            "ResultSet": {
                "Rows": [
                    {"Data": [{} if value is None else {"VarCharValue": value} for value in row]}
                    for row in rows[first:following]
                ]
            }
        }
        return page | ({"NextToken": str(following)} if following < len(rows) else {})

    def _StopQueryExecution(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.stopped.append(self.started[int(request["QueryExecutionId"])])
        return {}

    def _scripted(self, execution_id: str) -> Scripted:
        return self.script(self.started[int(execution_id)])
