"""The machine of the simulation: virtual time, processes that can die, and threads without threads.

Everything runs in one thread, in an order that depends on nothing but the schedule. All processes
share the event loop; a context variable holds the process of the current code. When nothing is
ready, the time jumps to the next timer.

Blocking calls of the engine, such as reading a secret, run in greenlets: a call that waits lets the
loop continue. That is how a function in a thread, or the part of a run before its event loop, is
interleaved with other runs at each of its calls.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from eventdrain.errors import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from contextvars import Context

    from eventdrain.errors import Failure
    from eventdrain.events import Delivery

T = TypeVar("T")
_Callback: TypeAlias = "Callable[..., object]"

MOST_STEPS: Final = 400_000
"""Of one schedule, a hundred times the usual number."""
_TURN_SECONDS: Final = 1e-6
"""The duration of a step, so that time always advances."""


class Process:
    """A process, such as one run in one Lambda environment.

    Attributes:
        name: For traces.
        steps: How many steps it has taken.
        dies_at: The step at which it is killed; 0 for never.
        frozen_until: It takes no step before this time.
        is_dead: Whether it was killed; it takes no step any more.
        has_ended: Whether its work is done, so that a step is left-over work.
        left_over: How many steps were taken after the end.
        threads: Its functions in threads that have not returned.
        skew_seconds: How much its wall clock is ahead.
        on_death: Called when it is killed.
        confirmed: The ids of events that each sink has confirmed.
        committing_since: For each handle, when its first write began.
        context: The context in which its code runs.
        has_met_fatal: Whether a sink or an ack has answered with a failure that ends a run.
        last_activity: When a sink, an ack or a function in a thread has ended last; 0 if none has.
        last_writes: For each sink and ``name_of`` a delivery, the last failure (None for success),
            and its time.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = 0
        self.dies_at = 0
        self.frozen_until = 0.0
        self.is_dead = False
        self.has_ended = False
        self.left_over = 0
        self.threads = 0
        self.skew_seconds = 0.0
        self.on_death: Callable[[], object] = lambda: None
        self.confirmed: dict[str, set[str]] = {"archive": set(), "queue": set()}
        self.context = copy_context()
        self.context.run(PROCESS.set, self)
        self.committing_since: dict[str, float] = {}
        self.has_met_fatal = False
        self.last_activity = 0.0
        self.last_writes: dict[tuple[str, str], tuple[Failure | None, float]] = {}

    def kill(self) -> None:
        """Stop it where it is. Calls that it has sent still take effect."""
        if not self.is_dead and not self.has_ended:
            self.is_dead = True
            self.on_death()

    def name_of(self, delivery: Delivery) -> str:
        """Return what the process writes once: in a replay, an event."""
        return delivery.event_id

    def has_written(self, sink: str, name: str) -> bool:
        """Return whether a sink has confirmed a write; for the name, see ``name_of``."""
        return (sink, name) in self.last_writes and self.last_writes[sink, name][0] is None

    def note_written(
        self, sink: str, delivery: Delivery, failed: Failure | None, now: float
    ) -> None:
        """Record the answer of a sink."""
        self.last_activity = now
        self.last_writes[sink, self.name_of(delivery)] = failed, now
        self.has_met_fatal |= failed is not None and failed.kind is FailureKind.FATAL

    def note_cut_off(self, sink: str, deliveries: Iterable[Delivery], now: float) -> None:
        """Record that there was no more time for an answer."""
        self.last_activity = now
        for each in deliveries:
            self.last_writes.pop((sink, self.name_of(each)), None)


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)


@dataclass(slots=True, eq=False)
class _Handle:
    """A scheduled callback."""

    callback: _Callback
    args: tuple[object, ...]
    context: Context
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Machine(asyncio.AbstractEventLoop):
    """The event loop of all processes, with virtual time that starts at 0.

    Attributes:
        steps: How many steps were taken.
        bugs: Errors that nobody has handled.
    """

    def __init__(self) -> None:
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._timer_numbers = count()
        self._now = 0.0
        self._hub = getcurrent()
        self.steps = 0
        self.bugs: list[str] = []
        # References to dead processes' work: if it were collected, its `finally` blocks would run.
        self._kept: list[object] = []
        self._is_closed = False

    # --- The loop, as asyncio uses it ---

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def call_soon(  # type: ignore[override] # returns its own kind of handle
        self, callback: _Callback, *args: Any, context: Context | None = None
    ) -> _Handle:
        """See ``asyncio``."""
        handle = _Handle(callback, args, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: _Callback, *args: Any, context: Context | None = None
    ) -> _Handle:
        """See ``asyncio``."""
        handle = _Handle(callback, args, copy_context() if context is None else context)
        heappush(self._timers, (when, next(self._timer_numbers), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: _Callback, *args: Any, context: Context | None = None
    ) -> _Handle:
        """See ``asyncio``."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """See ``asyncio``."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], **options: Any
    ) -> asyncio.Task[T]:
        """See ``asyncio``."""
        task = asyncio.Task(coro, loop=self, **options)
        self._kept.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, _executor: object, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a function in a greenlet, as if in a thread."""
        future: asyncio.Future[T] = self.create_future()
        process = PROCESS.get()
        assert process is not None, "a thread is a process's"

        def thread() -> None:
            resolve(future, lambda: func(*args))
            process.threads -= 1
            process.last_activity = self._now

        process.threads += 1
        self.start(thread)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Record an error that nobody has handled."""
        if not self._is_closed and "destroyed" not in context["message"]:
            self.bugs.append(f"{context['message']}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        """See ``asyncio``."""
        return False

    # --- Threads and blocking calls ---

    def start(self, function: Callable[[], object]) -> None:
        """Run a function in a greenlet of the current process, as soon as there is a turn."""
        thread = greenlet(function, self._hub)
        thread.gr_context = copy_context()
        self._kept.append(thread)
        self.call_soon(thread.switch)

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work in a function that runs in a greenlet, while others continue."""
        task = self.create_task(work)
        self.block_until(task)
        return task.result()

    @property
    def is_in_loop(self) -> bool:
        """Whether the current code runs on the event loop, which must not block."""
        return getcurrent() is self._hub

    def block(self, seconds: float) -> None:
        """Sleep in a function that runs in a greenlet."""
        self.call_later(seconds, getcurrent().switch)
        self._block()

    def block_until(self, future: asyncio.Future[Any]) -> None:
        """Wait for a future in a function that runs in a greenlet."""
        if not future.done():
            current = getcurrent()
            future.add_done_callback(lambda _: current.switch())
            self._block()

    def _block(self) -> None:
        if self._is_closed:
            raise GreenletExit  # this greenlet is being collected
        self._hub.switch()

    # --- Running ---

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine, and with it everything else, until it returns.

        Raises:
            RuntimeError: It takes too many steps; or everything waits, and nothing is scheduled.
        """
        asyncio._set_running_loop(self)  # noqa: SLF001 - as every event loop does
        try:
            task = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    def close(self) -> None:
        """Drop all work."""
        self._is_closed = True
        for work in self._kept:
            if isinstance(work, greenlet) and work:
                with suppress(RuntimeError):  # there is no event loop any more
                    work.throw()  # otherwise, what it refers to is never collected
        self._ready.clear()
        self._timers.clear()
        self._kept.clear()

    def _step(self) -> None:
        now = self._now = self._now + _TURN_SECONDS
        while self._timers and self._timers[0][0] <= now:
            self._ready.append(heappop(self._timers)[2])
        if self._ready:
            handle = self._ready.popleft()
        elif self._timers:
            at, _, handle = heappop(self._timers)
            self._now = max(at, now)
        else:
            raise RuntimeError("everything waits, and nothing is scheduled")
        process = handle.context.get(PROCESS)
        if handle.is_cancelled or not (process is None or self._may_step(process, handle)):
            return
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise RuntimeError(f"more than {MOST_STEPS} steps")
        handle.context.run(handle.callback, *handle.args)

    def _may_step(self, process: Process, handle: _Handle) -> bool:
        """Return whether a process takes its next step now."""
        if process.is_dead:
            return False
        if process.frozen_until > self._now:
            heappush(self._timers, (process.frozen_until, next(self._timer_numbers), handle))
            return False
        process.steps += 1
        process.left_over += process.has_ended
        if process.steps == process.dies_at:
            process.kill()
        return not process.is_dead


def resolve(future: asyncio.Future[T], function: Callable[[], T]) -> None:
    """Call a function for a future: it gets the result or the error, if it still waits for it."""
    try:
        result = function()
    except Exception as error:  # noqa: BLE001 - passed on, whatever it is
        if not future.done():
            future.set_exception(error)
    else:
        if not future.done():
            future.set_result(result)


class Lock:
    """A lock for greenlets, in place of ``threading.Lock``."""

    def __init__(self) -> None:
        self._is_held = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Machine)
        while self._is_held:
            waiting = loop.create_future()
            self._waiting.append(waiting)
            loop.block_until(waiting)
        self._is_held = True

    def __exit__(self, *_: object) -> None:
        self._is_held = False
        if self._waiting:
            self._waiting.popleft().set_result(None)


class Threads:
    """In place of ``concurrent.futures.ThreadPoolExecutor``; leaving it waits for all functions."""

    def __init__(self, **_: object) -> None:
        self._futures: list[asyncio.Future[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Machine)
        for future in self._futures:
            loop.block_until(future)

    def submit(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """See ``concurrent.futures``."""
        future = asyncio.get_running_loop().run_in_executor(None, function, *args)
        self._futures.append(future)
        return future
