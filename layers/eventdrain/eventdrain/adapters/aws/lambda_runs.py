"""Asynchronous invocation of a Lambda function."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from eventdrain.adapters.aws.errors import ServiceError, describe_error, error_hint
from eventdrain.adapters.aws.signed_http import SignedHttp
from eventdrain.adapters.http import HTTPClientError
from eventdrain.errors import StartFailed

if TYPE_CHECKING:
    from eventdrain.adapters.aws.endpoint import AwsEndpoint
    from eventdrain.drain import Start


class LambdaRuns:
    """Starts runs of one function. Not for threads that run an event loop.

    Args:
        endpoint: The endpoint of Lambda.
        function: The function's name or ARN.
    """

    def __init__(self, endpoint: AwsEndpoint, function: str) -> None:
        self._endpoint = endpoint
        self._function = function

    def start(self, start: Start) -> None:
        """Start a run and do not wait for it (API reference, Invoke, invocation type ``Event``).

        Never retried: a retry after a late response would start a second run.

        Raises:
            StartFailed: Lambda rejected the invocation, or the response was lost.
        """
        try:
            asyncio.run(self._invoke(json.dumps(start.to_event()).encode()))
        except (ServiceError, HTTPClientError) as error:
            raise StartFailed(
                f"lambda:InvokeFunction of {self._function} failed with {describe_error(error)}; if"
                " the run did not start, its events wait for the next scheduled run",
                hint=error_hint(
                    error,
                    "check the function's role, and the concurrency limits of the function and the"
                    " account",
                ),
            ) from None

    async def _invoke(self, payload: bytes) -> None:
        path = f"/2015-03-31/functions/{quote(self._function, safe='')}/invocations"
        headers = (("Content-Type", "application/json"), ("X-Amz-Invocation-Type", "Event"))
        async with SignedHttp.connect(self._endpoint, max_concurrent_calls=1) as http:
            await http.call("POST", path, headers, payload)
