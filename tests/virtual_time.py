"""An event loop whose time jumps: hours of waiting take no real time, and always as long.

Whenever nothing is left to do but wait, the time becomes that of the next timer. Each turn of the
loop takes a microsecond, so that, as in life, no two moments are the same and time never stands
still.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_T = TypeVar("_T")

TURN_SECONDS: Final = 1e-6


class NothingLeftToWaitFor(AssertionError):  # noqa: N818 - it says what happened
    """Everything waits for something that nobody will do: a deadlock, told instead of suffered."""


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
        """Give the virtual time in seconds."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override] # typeshed's has overloads of its own
        self,
        executor: object,  # noqa: ARG002 - there are no threads
        func: Callable[..., _T],
        *args: Any,  # noqa: ANN401 - whatever the function takes
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
    """Run a coroutine to its end, in virtual time."""

    def loop() -> VirtualTimeLoop:
        made = VirtualTimeLoop()
        made.seconds_in_thread = seconds_in_thread
        return made

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)


def now() -> float:
    """Give the time of the running loop: a clock for what is tested."""
    return asyncio.get_running_loop().time()
