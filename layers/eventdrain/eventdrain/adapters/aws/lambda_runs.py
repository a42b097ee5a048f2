"""Asynchronous invocation of a Lambda function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws.errors import MALFORMED_RESPONSE_ERRORS, describe_error, error_hint
from eventdrain.errors import StartFailed

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from eventdrain.drain import Start


class LambdaRuns:
    """Starts runs of one function.

    Args:
        client: The client. Its calls must have a time limit.
        function: The function's name or ARN.
    """

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def start(self, start: Start) -> None:
        """Start a run and do not wait for it (API reference, Invoke, invocation type ``Event``).

        Raises:
            StartFailed: Lambda rejected the invocation, or the response was lost.
        """
        try:
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps(start.to_event()).encode(),
            )
        except (BotoCoreError, ClientError, *MALFORMED_RESPONSE_ERRORS) as error:
            raise StartFailed(
                f"lambda:InvokeFunction of {self._function} failed with {describe_error(error)}; if"
                " the run did not start, its events wait for the next scheduled run",
                hint=error_hint(
                    error,
                    "check the function's role, and the concurrency limits of the function and the"
                    " account",
                ),
            ) from None
