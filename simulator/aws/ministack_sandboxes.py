"""Teaches ministack to keep a function's process when its handler has raised.

So does AWS: the next run may find what the failed one left in its environment (Lambda Developer
Guide, "Understanding the Lambda execution environment lifecycle"). ministack ends the process,
which hides that, and makes the next run start cold. One that was too slow, or ended by itself, is
still gone. Runs in ministack's own environment.
"""

import threading
import time
from typing import Any, Final

from ministack.core import lambda_runtime

_RAISED: Final = "trace"
"""What a worker's answer has only if the handler raised."""

_invoke = lambda_runtime.Worker.invoke
_signal = lambda_runtime._signal
_collect = lambda_runtime._collect
_ending = threading.local()


def _invoke_and_keep(worker: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
    _ending.processes = []
    try:
        answer: dict[str, Any] = _invoke(worker, *arguments, **named)
    finally:
        processes: list[Any] = _ending.processes
        del _ending.processes
    if _RAISED in answer and processes:
        (worker._proc,) = processes
        return answer
    for process in processes:
        _signal(process)
        _collect(process, time.monotonic() + lambda_runtime._REAP_GRACE)
    return answer


def _signal_later(process: Any) -> None:
    if hasattr(_ending, "processes"):
        _ending.processes.append(process)
    else:
        _signal(process)


def _collect_later(process: Any, deadline: float) -> None:
    if not hasattr(_ending, "processes"):
        _collect(process, deadline)


def teach() -> None:
    """Put off the end of a process until it is known why it shall end."""
    lambda_runtime.Worker.invoke = _invoke_and_keep
    lambda_runtime._signal = _signal_later
    lambda_runtime._collect = _collect_later
