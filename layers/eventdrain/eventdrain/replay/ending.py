"""When a replay ends early, and how it waits meanwhile: nothing outlasts a stop or the window."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from eventdrain.backoff import Backoff
from eventdrain.errors import EndedEarly, FailureKind, ReplayFailed
from eventdrain.replay.report import ReplayEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.errors import Failure

_FIRST_WAIT: Final = timedelta(milliseconds=200)
_LONGEST_WAIT: Final = timedelta(seconds=5)
_ATTEMPTS: Final = 10
"""Some thirty seconds of waits in all: what lasts longer is for somebody to look at."""
_EVENT_HINT: Final = (
    "check that the queue's MaximumMessageSize is 1 MiB, as that of the stack's queues"
)
_LASTING_HINT: Final = "go on from the checkpoint once the service answers again"


class Ending:
    """Ends a replay before it is done.

    Args:
        until: The clock's time from which on nothing is begun.
        clock: Seconds, monotonic.
    """

    def __init__(self, until: float, clock: Callable[[], float]) -> None:
        self._until = until
        self._clock = clock
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End it as soon as what is under way is through."""
        self._stopped.set()

    def check(self) -> None:
        """Raise ``EndedEarly`` if it shall end."""
        if self._stopped.is_set():
            raise EndedEarly(ReplayEnd.STOPPED)
        if self._clock() >= self._until:
            raise EndedEarly(ReplayEnd.WINDOW)

    async def wait(self, seconds: float) -> None:
        """Wait; raises ``EndedEarly`` at once if the end comes first, or was there before."""
        self.check()
        if seconds <= 0:
            return
        if self._clock() + seconds >= self._until:
            raise EndedEarly(ReplayEnd.WINDOW)
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise EndedEarly(ReplayEnd.STOPPED)


class Retries:
    """The attempts at one call, with growing, jittered waits between them.

    Args:
        ending: Cuts the waits short.
    """

    def __init__(self, ending: Ending) -> None:
        self._ending = ending
        self._backoff = Backoff(first=_FIRST_WAIT, longest=_LONGEST_WAIT)
        self._left = _ATTEMPTS

    async def wait(self, failure: Failure) -> None:
        """Wait for the next attempt.

        Args:
            failure: What became of the last one.

        Raises:
            ReplayFailed: There is none: it would change nothing, or there were enough.
            EndedEarly: The replay ends.
        """
        self._left -= 1
        if failure.kind is FailureKind.EVENT_REJECTED:
            raise ReplayFailed(failure.message, hint=_EVENT_HINT)
        if failure.kind is not FailureKind.RETRYABLE:
            raise ReplayFailed(failure.message, hint=failure.hint)
        if not self._left:
            raise ReplayFailed(
                f"given up after {_ATTEMPTS} attempts: {failure.message}", hint=_LASTING_HINT
            )
        await self._ending.wait(self._backoff.wait_seconds())
