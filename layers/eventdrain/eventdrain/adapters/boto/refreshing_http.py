"""Signed HTTP calls whose credentials are refreshed every few minutes.

A drain ends before its credentials expire, so it uses ``SignedHttp``, which never refreshes them. A
replay may run for longer than the credentials of an operator's session are valid.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError

from eventdrain.adapters.aws import SignedHttp
from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AsyncExitStack

    from eventdrain.adapters.aws import AwsEndpoint

_RENEW_SECONDS: Final = 300.0
"""botocore refreshes credentials about ten minutes before they expire."""


class RefreshingHttp:
    """Calls one endpoint; see ``adapters.aws.AwsHttp``.

    Args:
        endpoint: Returns the endpoint with current credentials.
        connections: Closes the connections at its end.
        max_concurrent_calls: The maximum number of concurrent calls; further calls wait.
        clock: Returns seconds, monotonic.

    Raises:
        ConfigurationError: There are no AWS credentials, or they cannot be loaded.
    """

    def __init__(
        self,
        endpoint: Callable[[], AwsEndpoint],
        connections: AsyncExitStack,
        *,
        max_concurrent_calls: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            endpoint()
        except BotoCoreError as error:
            raise ConfigurationError(
                f"the AWS credentials cannot be loaded: {error}",
                hint="check the profile (AWS_PROFILE), and sign in again if its session expired",
                setting="AWS_PROFILE",
            ) from error
        self._endpoint = endpoint
        self._connections = connections
        self._max_concurrent_calls = max_concurrent_calls
        self._clock = clock
        self._renew_at = float("-inf")
        self._now: SignedHttp | None = None

    async def call(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> bytes:
        """See ``adapters.aws.AwsHttp``."""
        if self._now is None or self._clock() >= self._renew_at:
            self._renew_at = self._clock() + _RENEW_SECONDS
            connecting = SignedHttp.connect(
                self._endpoint(), max_concurrent_calls=self._max_concurrent_calls
            )
            self._now = await self._connections.enter_async_context(connecting)
        return await self._now.call(method, path, headers, body)
