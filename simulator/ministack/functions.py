"""What ministack's Lambda lacks.

- A layer is unpacked once, for all processes of all functions that have it. It unpacks each layer
  anew for every process: a hundred megabytes at each cold start.
- A function's process is kept when its handler has raised, as AWS does: the next run may find what
  the failed one left in its environment. One that was too slow, or ended by itself, is still gone.
"""

import hashlib
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
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


class _Unpacked(zipfile.ZipFile):
    """A zip file whose content is linked to, if it is a layer's."""

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
            except OSError:  # another process of the function was faster
                unpacked = folder
        target.rmdir()
        target.symlink_to(unpacked)


def teach() -> None:
    """Replace how workers unpack, and delay the end of a process until its reason is known."""
    lambda_runtime.Worker.invoke = _invoke_and_keep
    lambda_runtime._signal = _signal_later
    lambda_runtime._collect = _collect_later
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _Unpacked})
