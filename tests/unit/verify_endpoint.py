"""An Athena and a CloudFormation over HTTP with scripted answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qs

import boto3
from botocore.validate import validate_parameters

from tests.unit.http_aws import HttpAws, describe_stacks

if TYPE_CHECKING:
    from email.message import Message

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
    """The script of a query.

    Attributes:
        states: The states that successive calls return; the last one repeats.
        columns: Of the result.
        rows: Of the result; None is null.
        reason: The reason of the state.
        scanned: The scanned bytes.
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
class VerifyEndpoint(HttpAws):
    """The server, to be used in a ``with``.

    Athena's answers are checked against botocore's model of its API.

    Attributes:
        script: The script of each query.
        outputs: The outputs of the only stack.
        throttled: How many of the next Athena calls are throttled.
        started: The queries, in the order of their start.
        stopped: The queries that were stopped.
        most_at_once: The maximum of concurrent queries.
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

    def answer(self, headers: Message, path: str, body: str) -> tuple[int, bytes]:
        """See ``HttpAws``."""
        assert path == "/"
        operation = headers.get("X-Amz-Target", "").removeprefix("AmazonAthena.")
        if not operation:
            return describe_stacks(
                parse_qs(body)["StackName"][0], self.outputs, {"EventTypes": "handset_change"}
            )
        status, answer = self.athena(operation, json.loads(body))
        return status, answer.encode()

    def athena(self, operation: str, request: dict[str, Any]) -> tuple[int, str]:
        """Answer a call of Athena."""
        with self._lock:
            if self.throttled:
                self.throttled -= 1
                failure = {"__type": "ThrottlingException", "message": "Rate exceeded"}
                return 400, json.dumps(failure)
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
