"""Signed HTTP calls for hours: the credentials are asked for anew every few minutes.

A drain is over before its credentials are. A replay may outlast those of an operator's session,
which botocore renews, and ``SignedHttp`` keeps those that it was given.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError

from eventdrain.adapters.aws.signed_http import SignedHttp
from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AsyncExitStack

    from eventdrain.adapters.aws.clients import AwsEndpoint

_RENEW_SECONDS: Final = 300.0
"""botocore renews credentials some ten minutes before they end."""


class RenewedHttp:
    """Calls one endpoint.

    Args:
        endpoint: Gives the endpoint with the credentials of now.
        connections: Closes what is opened here, at the end of all.
        calls_at_once: How many calls may be under way; the others wait.
        clock: Seconds, monotonic.

    Raises:
        ConfigurationError: There are no credentials, or they can't be had.
    """

    def __init__(
        self,
        endpoint: Callable[[], AwsEndpoint],
        connections: AsyncExitStack,
        *,
        calls_at_once: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            endpoint()
        except BotoCoreError as error:
            raise ConfigurationError(
                f"the AWS credentials can't be had: {error}",
                hint="check the profile (AWS_PROFILE), and sign in again if its session has ended",
                setting="AWS_PROFILE",
            ) from error
        self._endpoint = endpoint
        self._connections = connections
        self._calls_at_once = calls_at_once
        self._clock = clock
        self._renew_at = float("-inf")
        self._now: SignedHttp | None = None

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> bytes:
        """See ``AwsHttp``."""
        if self._now is None or self._clock() >= self._renew_at:
            self._renew_at = self._clock() + _RENEW_SECONDS
            connecting = SignedHttp.connect(self._endpoint(), calls_at_once=self._calls_at_once)
            self._now = await self._connections.enter_async_context(connecting)
        return await self._now.call(operation, method, path, headers, body)
