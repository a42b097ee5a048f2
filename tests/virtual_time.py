"""An event loop with virtual time: waiting takes no real time and is reproducible.

When there is nothing to do but wait, the time jumps to the next timer. Each iteration of the loop
takes a microsecond, so that time always advances.
"""

from __future__ import annotations

import asyncio
import selectors
import signal
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tests.simulation.machine import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import FrameType

_T = TypeVar("_T")

TURN_SECONDS: Final = 1e-6
MOST_CPU_SECONDS: Final = 10.0
"""CPU time for one run, forty times that of the longest one."""


class NothingLeftToWaitFor(AssertionError):
    """A deadlock: everything waits, and nothing is scheduled."""


class Spinning(BaseException):
    """The run never waits, or never returns to the loop, so that time doesn't advance.

    It isn't an Exception, so that the code under test can't catch it, and hypothesis doesn't search
    for a smaller example.
    """


class _JumpingSelector(selectors.DefaultSelector):
    """Polls the files, and advances the time instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise NothingLeftToWaitFor
            self.now += timeout
        self.now += TURN_SECONDS
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The event loop. Its :meth:`time` starts at 0; the code under test uses it as its clock.

    Attributes:
        seconds_in_thread: The duration of functions that run in a thread. They run in the loop's
            own thread at the end of that time.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self.seconds_in_thread = 0.0

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override] # typeshed's has overloads of its own
        self,
        executor: object,  # noqa: ARG002 - there are no threads
        func: Callable[..., _T],
        *args: Any,
    ) -> asyncio.Future[_T]:
        """Run a function as if in a thread."""
        future: asyncio.Future[_T] = self.create_future()
        self.call_later(self.seconds_in_thread, resolve, future, partial(func, *args))
        return future


def run(main: Coroutine[Any, Any, _T], *, seconds_in_thread: float = 0.0) -> _T:
    """Run a coroutine in virtual time.

    Raises:
        NothingLeftToWaitFor: It waits for something that can't happen.
        Spinning: It needs more CPU time than any run should.
    """

    def loop() -> VirtualTimeLoop:
        made = VirtualTimeLoop()
        made.seconds_in_thread = seconds_in_thread
        return made

    with _interrupted_after(MOST_CPU_SECONDS), asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)


@contextmanager
def _interrupted_after(cpu_seconds: float) -> Iterator[None]:
    has_spun = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal has_spun
        has_spun = True
        raise Spinning

    before = signal.signal(signal.SIGPROF, interrupt)
    # Repeated, as the first may only end a task whose errors are ignored.
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
        if has_spun:
            raise Spinning


def now() -> float:
    """Return the time of the running loop, as a clock for the code under test."""
    return asyncio.get_running_loop().time()
