from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from eventdrain.adapters.aws import LambdaRuns
from eventdrain.drain import Start
from eventdrain.errors import StartFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION = "arn:aws:lambda:eu-north-1:000000000000:function:made-up"
START = Start("country_change", run_number=2, backlog_run=1)


@pytest.fixture
def stubbed() -> Iterator[tuple[LambdaRuns, Stubber]]:
    """Return runs with a stubbed client."""
    client = boto3.client(
        "lambda",
        region_name="eu-north-1",
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
    )
    with Stubber(client) as stubber:
        yield LambdaRuns(client, FUNCTION), stubber


def test_start_is_asynchronous(stubbed: tuple[LambdaRuns, Stubber]) -> None:
    """A run is started without waiting for its end, with an event that reads as its start."""
    runs, stubber = stubbed
    event = {"event_type": "country_change", "puller": 2, "backlog_run": 1}
    stubber.add_response(
        "invoke",
        {"StatusCode": 202},
        {
            "FunctionName": FUNCTION,
            "InvocationType": "Event",
            "Payload": json.dumps(event).encode(),
        },
    )
    runs.start(START)
    assert Start.from_event(event) == START


@pytest.mark.parametrize("code", ["AccessDeniedException", "TooManyRequestsException"])
def test_start_that_lambda_does_not_take(stubbed: tuple[LambdaRuns, Stubber], code: str) -> None:
    """The error names the action, the function, the cause and a hint."""
    runs, stubber = stubbed
    stubber.add_client_error("invoke", code, "made up: who knows what this quotes")
    with pytest.raises(StartFailed) as caught:
        runs.start(START)
    reported = str(caught.value)
    assert all(word in reported for word in ("lambda:InvokeFunction", FUNCTION, code, "role"))
    assert "quotes" not in reported
