"""Runs of a Lambda function, started and not waited for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws.errors import UNUSABLE, describe, hint_for
from eventdrain.errors import StartFailed

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from eventdrain.drain import Start


class LambdaRuns:
    """Starts runs of one function.

    Args:
        client: Its calls must be bounded in time.
        function: The function's name or ARN.
    """

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def start(self, start: Start) -> None:
        """Start a run; it goes on by itself (API reference, Invoke, invocation type ``Event``).

        Raises:
            StartFailed: Lambda did not take it, or did not say so.
        """
        try:
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps(start.to_event()).encode(),
            )
        except (BotoCoreError, ClientError, *UNUSABLE) as error:
            raise StartFailed(
                f"lambda:InvokeFunction of {self._function} failed with {describe(error)}; unless"
                " the run was started all the same, what it was to drain waits for the schedule",
                hint=hint_for(
                    error, "check the function's role, its reserved concurrency and the account's"
                ),
            ) from None
