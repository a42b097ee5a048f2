from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from eventdrain.adapters.aws import AwsEndpoint, LambdaRuns
from eventdrain.drain import Start
from eventdrain.errors import StartFailed
from tests.unit.http_aws import HttpAws

if TYPE_CHECKING:
    from email.message import Message

FUNCTION: Final = "arn:aws:lambda:eu-north-1:000000000000:function:made-up"
START: Final = Start("country_change", run_number=2, backlog_run=1)
REGION: Final = "eu-north-1"


class Lambda(HttpAws):
    """A Lambda that answers what the test says, and notes what it receives."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.requests: list[tuple[Message, str, str]] = []

    def answer(self, headers: Message, path: str, body: str) -> tuple[int, bytes]:
        """Answer as the test says."""
        self.requests.append((headers, path, body))
        return self.status, self.body


def start(server: Lambda) -> None:
    """Start a run at the server."""
    endpoint = AwsEndpoint(server.url, "lambda", REGION, "MADEUP", "made-up-key", None, None)
    LambdaRuns(endpoint, FUNCTION).start(START)


def test_start_is_asynchronous() -> None:
    """A run is started without waiting for its end, with an event that reads as its start."""
    with Lambda(202, b"") as server:
        start(server)
    ((headers, path, body),) = server.requests
    assert path == f"/2015-03-31/functions/{FUNCTION.replace(':', '%3A')}/invocations"
    assert headers["X-Amz-Invocation-Type"] == "Event"
    assert json.loads(body) == {"event_type": "country_change", "puller": 2, "backlog_run": 1}
    assert Start.from_event(json.loads(body)) == START


def test_signature_is_as_botocores() -> None:
    """The path of a function has colons, which signatures other than those for S3 encode twice."""
    with Lambda(202, b"") as server:
        start(server)
    ((headers, path, body),) = server.requests
    found = re.search("SignedHeaders=(.*), Signature=(.*)$", headers["Authorization"])
    assert found is not None
    signed = {name: headers[name] for name in found[1].split(";")}
    request = AWSRequest(method="POST", url=f"{server.url}{path}", data=body, headers=signed)
    request.context["timestamp"] = headers["X-Amz-Date"]
    botocore = SigV4Auth(Credentials("MADEUP", "made-up-key"), "lambda", REGION)
    text = botocore.string_to_sign(request, botocore.canonical_request(request))
    assert botocore.signature(text, request) == found[2]
    assert headers["X-Amz-Content-Sha256"] == sha256(body.encode()).hexdigest()


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDeniedException"), (429, "TooManyRequestsException")]
)
def test_start_that_lambda_does_not_take(status: int, code: str) -> None:
    """The error names the action, the function, the cause and a hint. There is no second try."""
    text = b'{"Type": "User", "Message": "made up: who knows what this quotes"}'
    header = {"x-amzn-ErrorType": f"{code}:http://made-up"}
    with Lambda(status, text, header) as server, pytest.raises(StartFailed) as caught:
        start(server)
    assert len(server.requests) == 1
    reported = str(caught.value)
    assert all(word in reported for word in ("lambda:InvokeFunction", FUNCTION, code, "role"))
    assert "quotes" not in reported


def test_start_without_an_answer() -> None:
    """A call whose answer is lost is not made again: it may have started a run."""
    with Lambda(503, b"") as server, pytest.raises(StartFailed, match="HTTP 503"):
        start(server)
    assert len(server.requests) == 1
