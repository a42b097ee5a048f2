"""An event loop whose time jumps: hours of waiting take no real time, and always as long.

Whenever nothing is left to do but wait, the time becomes that of the next timer. Each turn of the
loop takes a microsecond, so that, as in life, no two moments are the same and time never stands
still.
"""

from __future__ import annotations

import asyncio
import selectors
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import FrameType

_T = TypeVar("_T")

TURN_SECONDS: Final = 1e-6
MOST_CPU_SECONDS: Final = 10.0
"""For one run, forty times what the longest takes. CPU time: a busy machine doesn't count."""


class NothingLeftToWaitFor(AssertionError):
    """Everything waits for something that nobody will do: a deadlock."""


class Spinning(BaseException):
    """What runs takes no end of turns, or never comes back to the loop: time can't move on.

    Not an Exception: neither may what spins catch it, nor may hypothesis look for a smaller example
    that spins as well.
    """


class _JumpingSelector(selectors.DefaultSelector):
    """Polls the files, and instead of waiting moves the time on."""

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
    """The event loop. Its :meth:`time` starts at 0 and is the clock to give to what is tested.

    Attributes:
        seconds_in_thread: How long what is handed to a thread takes. It runs in the loop's own
            thread, all of it at the end of that time.
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

        def run() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - handed on, whatever it is
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        self.call_later(self.seconds_in_thread, run)
        return future


def run(main: Coroutine[Any, Any, _T], *, seconds_in_thread: float = 0.0) -> _T:
    """Run a coroutine to its end, in virtual time.

    Raises:
        NothingLeftToWaitFor: It waits for what can't happen.
        Spinning: It takes more CPU time than any run needs.
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
    # Again and again: the first may only end a task whose errors nobody looks at.
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
        if has_spun:
            raise Spinning


def now() -> float:
    """Return the time of the running loop: a clock for what is tested."""
    return asyncio.get_running_loop().time()
