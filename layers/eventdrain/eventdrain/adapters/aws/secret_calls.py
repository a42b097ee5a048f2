"""Calls of Secrets Manager from synchronous code."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from msgspec.json import encode

from eventdrain.adapters.aws.errors import ServiceError, is_retryable
from eventdrain.adapters.aws.signed_http import SignedHttp
from eventdrain.adapters.http import HTTPClientError, MalformedResponse
from eventdrain.json_shape import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventdrain.adapters.aws.endpoint import AwsEndpoint

_CALL_SECONDS: Final = 5.0
_ATTEMPTS: Final = 2
_RETRY_SECONDS: Final = 0.5


class SecretCalls(Protocol):
    """Calls operations of Secrets Manager. Close it with its context."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def call(self, operation: str, **fields: str) -> Mapping[str, Any]:
        """Call an operation.

        Args:
            operation: The operation's name, such as ``GetSecretValue``.
            fields: The request's fields.

        Returns:
            The fields of the response, as in AWS's JSON protocol.

        Raises:
            ServiceError: Secrets Manager returned an error.
            HTTPClientError: It cannot be reached or its response cannot be parsed. It may have
                received the request.
        """
        ...


class SignedSecretCalls:
    """Calls over one connection; see ``SecretCalls``. Not for threads that run an event loop.

    Each call is bounded: two attempts of at most five seconds each, and half a second between them.

    Args:
        endpoint: The endpoint of Secrets Manager.
    """

    def __init__(self, endpoint: AwsEndpoint) -> None:
        self._endpoint = endpoint
        self._runner = asyncio.Runner()
        self._connections = AsyncExitStack()
        self._http: SignedHttp | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._http is not None:
            self._runner.run(self._connections.aclose())
        self._runner.close()

    def call(self, operation: str, **fields: str) -> Mapping[str, Any]:
        """See ``SecretCalls``."""
        return self._runner.run(self._call(operation, encode(fields)))

    async def _call(self, operation: str, body: bytes) -> Mapping[str, Any]:
        if self._http is None:
            connecting = SignedHttp.connect(
                self._endpoint, max_concurrent_calls=1, call_seconds=_CALL_SECONDS
            )
            self._http = await self._connections.enter_async_context(connecting)
        headers = (
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", f"secretsmanager.{operation}"),
        )
        for attempt in range(_ATTEMPTS):
            try:
                text = await self._http.call("POST", "/", headers, body)
                answer = parse_json(text, dict[str, Any])
                if answer is None:
                    raise MalformedResponse
            except (ServiceError, HTTPClientError) as error:
                if attempt == _ATTEMPTS - 1 or not is_retryable(error):
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return answer
        raise AssertionError  # the last attempt returns or raises
