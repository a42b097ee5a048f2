"""Early ends of a replay: a stop request or a deadline, which also cut waits and retries short."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from eventdrain.backoff import Backoff
from eventdrain.errors import FailureKind, ReplayFailed, ReplayInterrupted
from eventdrain.replay.report import ReplayEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.errors import Failure

_FIRST_WAIT: Final = timedelta(milliseconds=200)
_LONGEST_WAIT: Final = timedelta(seconds=5)
_ATTEMPTS: Final = 10
"""About thirty seconds of waits in total. A longer outage needs an operator."""
_EVENT_HINT: Final = (
    "check that the queue's MaximumMessageSize is 1 MiB, as for the stack's own queues"
)
_OUTAGE_HINT: Final = "continue from the checkpoint once the service responds again"


class Interruption:
    """Ends a replay early, on request or at a deadline.

    Args:
        until: The deadline, after which nothing new is started.
        clock: Returns seconds, monotonic.
    """

    def __init__(self, until: float, clock: Callable[[], float]) -> None:
        self._until = until
        self._clock = clock
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Request the end. Calls in progress are completed first."""
        self._stopped.set()

    def check(self) -> None:
        """Raise ``ReplayInterrupted`` if the replay is to end."""
        if self._stopped.is_set():
            raise ReplayInterrupted(ReplayEnd.STOPPED)
        if self._clock() >= self._until:
            raise ReplayInterrupted(ReplayEnd.WINDOW)

    async def wait(self, seconds: float) -> None:
        """Wait for some seconds.

        Raises:
            ReplayInterrupted: A stop was requested, or the wait would pass the deadline.
        """
        self.check()
        if seconds <= 0:
            return
        if self._clock() + seconds >= self._until:
            raise ReplayInterrupted(ReplayEnd.WINDOW)
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise ReplayInterrupted(ReplayEnd.STOPPED)


class RetryBudget:
    """The retries of one call: a limited number, with exponential backoff and jitter.

    Args:
        interruption: Cuts the waits short.
    """

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption
        self._backoff = Backoff(first=_FIRST_WAIT, longest=_LONGEST_WAIT)
        self._left = _ATTEMPTS

    async def wait(self, failure: Failure) -> None:
        """Wait for the next attempt.

        Args:
            failure: The failure of the last attempt.

        Raises:
            ReplayFailed: The failure is not retryable, or there are no attempts left.
            ReplayInterrupted: The replay is to end early.
        """
        self._left -= 1
        if failure.kind is FailureKind.EVENT_REJECTED:
            raise ReplayFailed(failure.message, hint=_EVENT_HINT)
        if failure.kind is not FailureKind.RETRYABLE:
            raise ReplayFailed(failure.message, hint=failure.hint)
        if not self._left:
            raise ReplayFailed(
                f"gave up after {_ATTEMPTS} attempts: {failure.message}", hint=_OUTAGE_HINT
            )
        await self._interruption.wait(self._backoff.wait_seconds())
