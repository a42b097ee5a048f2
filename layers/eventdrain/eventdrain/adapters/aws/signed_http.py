"""Signed HTTP calls to one AWS endpoint, by the AWS Common Runtime, from an event loop.

botocore spends about 1,100 microseconds of CPU time on a SendMessageBatch from a thread of a pool,
most of it on finding out anew what stays the same from call to call; this spends about 150, and a
call can be given up at any moment, which a thread can't. Endpoint, region, credentials and trusted
certificates are those that a boto3 client found, and errors are raised as botocore raises them.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from botocore.exceptions import ClientError

from eventdrain.adapters.aws.errors import DENIED, OUT_OF_TIME
from eventdrain.adapters.http import CrtHttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from awscrt.http import HttpRequest

    from eventdrain.adapters.aws.clients import AwsEndpoint

_CALL_SECONDS: Final = 7.0
_OK: Final = 200
_ERROR_CODE: Final = re.compile(
    rb'"__type"\s*:\s*"(?:[^"#]*#)?([\w.]+)"|<Code>([\w.]+)</Code>', re.ASCII
)
"""The code of an error in AWS's JSON and XML protocols. Beside it, nothing is taken from the answer
but the action that is not allowed, and that a signature is out of its time."""


class AwsHttp(Protocol):
    """Calls operations of one AWS endpoint."""

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> bytes:
        """Call an operation and return the body of its answer.

        Args:
            operation: Its name, for errors.
            method: HTTP method.
            path: What follows the endpoint's URL, percent-encoded, with a slash at its beginning.
            headers: What the service's protocol requires.
            body: Of the request.

        Raises:
            ClientError: The service answered with an error.
            BotoCoreError: The endpoint can't be reached, or broke the connection (what was sent may
                have been received all the same), or there are no credentials.
        """


class SignedHttp:
    """Calls one endpoint. Made by :meth:`connect`.

    Args:
        http: Carries the calls.
        url: The endpoint's, for errors.
    """

    def __init__(self, http: CrtHttp, url: str) -> None:
        self._http = http
        self.url = url

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, endpoint: AwsEndpoint, *, calls_at_once: int
    ) -> AsyncIterator[SignedHttp]:
        """Make one; its connections are opened as calls need them, and closed with the context.

        Args:
            endpoint: Where, and as whom.
            calls_at_once: How many calls may be under way; the others wait.
        """
        signing = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=AwsCredentialsProvider.new_static(
                endpoint.access_key, endpoint.secret_key, endpoint.session_token
            ),
            region=endpoint.region,
            service=endpoint.service,
            # As S3 asks for; the others, whose paths need neither, don't mind.
            signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
        )

        def sign(request: HttpRequest) -> None:
            # With credentials that are at hand it is signed when this returns.
            aws_sign_request(request, signing).result()

        async with CrtHttp.connect(
            endpoint.url, roots=endpoint.roots, calls_at_once=calls_at_once, prepare=sign
        ) as http:
            yield cls(http, endpoint.url)

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> bytes:
        """See ``AwsHttp``."""
        answer = await self._http.call(method, path, headers, body, seconds=_CALL_SECONDS)
        if answer.status != _OK:
            raise _client_error(answer.status, answer.body, operation)
        return answer.body


def _client_error(status: int, answer: bytes, operation: str) -> ClientError:
    found = _ERROR_CODE.search(answer)
    code = (found[1] or found[2]).decode() if found else f"HTTP {status}"
    text = answer.decode(errors="replace")
    message = DENIED.search(text) or OUT_OF_TIME.search(text)
    return ClientError(
        {
            "Error": {"Code": code, "Message": message[0] if message else ""},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        operation,
    )
