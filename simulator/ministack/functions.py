"""Extensions of ministack's Lambda.

- A layer is unpacked once for all functions. ministack unpacks each layer for every process, which
  is a hundred megabytes for each cold start.
- A process is reused after its handler raised, as in AWS, so that the next run finds the failed
  run's state. A process that timed out or ended is not reused.
- Functions run with the Python that FUNCTION_PYTHON names, if it is set.
- A run's log has all its lines. ministack waits only some milliseconds for them, so that on a busy
  machine the last lines of a run are in the next run's log.
"""

import hashlib
import os
import queue
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from ministack.core import lambda_runtime

_RAISED: Final = "trace"
"""The part of a worker's answer that shows that the handler raised."""

_END_OF_LOG: Final = "-- end of the run's log --"
_LOG_END_SECONDS: Final = 30
"""Upper bound of the wait for the end of a log, which a child of the process may keep open."""

_ANSWER: Final = "            _real_stdout.write(json.dumps({"
_LOGGED_ANSWER: Final = f"            print({_END_OF_LOG!r}, flush=True)\n{_ANSWER}"

_invoke = lambda_runtime.Worker.invoke
_binary_of = lambda_runtime._detect_runtime_binary
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


def _named_binary_of(runtime: str) -> tuple[str, str]:
    binary, script = _binary_of(runtime)
    named = os.environ.get("FUNCTION_PYTHON")
    return (named if named and runtime.startswith("python") else binary), script


def _whole_log(worker: Any) -> str:
    """Return the lines up to the mark, or all lines of a process that wrote no mark."""
    lines: list[str] = []
    end = time.monotonic() + _LOG_END_SECONDS
    while time.monotonic() < end:
        is_ended = not worker._stderr_thread.is_alive()
        try:
            line = worker._stderr_queue.get(timeout=0 if is_ended else 0.05)
        except queue.Empty:
            if is_ended:
                break
        else:
            if line == _END_OF_LOG:
                break
            lines.append(line)
    return "\n".join(lines)


class _Unpacked(zipfile.ZipFile):
    """A zip file; that of a layer is extracted as links to an unpacked copy."""

    def extractall(self, path: Any = None, *more: Any) -> None:
        target = Path(path)
        if not target.name.startswith("layer_"):
            super().extractall(path, *more)
            return
        digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
        unpacked = Path(tempfile.gettempdir()) / f"layer-{digest}"
        if not unpacked.exists():
            folder = Path(tempfile.mkdtemp(prefix="unpacking-"))
            super().extractall(folder, *more)
            try:
                folder.rename(unpacked)
            except OSError:  # another process of the function has done it
                unpacked = folder
        target.rmdir()
        target.symlink_to(unpacked)


def apply() -> None:
    """Replace how workers unpack, log and end.

    Raises:
        RuntimeError: ministack's worker script has changed.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    loop = script.index("while True:")
    if script.count(_ANSWER, loop) != len(("ok", "error")):
        raise RuntimeError("ministack's Python worker script is not the expected one")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script[:loop] + script[loop:].replace(
        _ANSWER, _LOGGED_ANSWER
    )
    lambda_runtime.Worker._drain_stderr_bounded = _whole_log
    lambda_runtime._detect_runtime_binary = _named_binary_of
    lambda_runtime.Worker.invoke = _invoke_and_keep
    lambda_runtime._signal = _signal_later
    lambda_runtime._collect = _collect_later
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _Unpacked})
