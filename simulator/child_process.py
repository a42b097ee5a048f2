"""Child processes that end with their parent, however the parent ends.

A killed process runs no ``finally``, so its children would remain. So a parent has a guard: another
process, which learns from a pipe which children are alive. The pipe closes when the parent ends,
and the guard then kills the remaining children.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_GUARD: Final = """
import os, signal, sys

for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
alive = {}
for line in sys.stdin:
    change, pid = line.split()
    if change == "ended":
        alive.pop(int(pid), None)
    else:
        alive[int(pid)] = os.killpg if change == "group" else os.kill
for pid, kill in alive.items():
    try:
        kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


_guards: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""The guards by the process that they guard: a forked process needs another one."""
_starting: Final = Lock()
_alive: Final[dict[int, bool]] = {}
"""The children of this process by id, and whether each leads a process group."""


def _guard() -> subprocess.Popen[bytes]:
    """Return this process's guard, which is started if needed."""
    own = os.getpid()
    with _starting:
        if own not in _guards:
            _guards[own] = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _GUARD],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that a signal to our group doesn't reach it
            )
            atexit.register(_end_guard, own)
        return _guards[own]


def _end_guard(guarded: int) -> None:
    if os.getpid() == guarded:
        _guards.pop(guarded).communicate()


def living_children() -> dict[int, bool]:
    """Return this process's children by id, and whether each leads a process group."""
    return dict(_alive)


def _report(change: str, pid: int) -> None:
    if change == "ended":
        _alive.pop(pid, None)
    else:
        _alive[pid] = change == "group"
    guard = _guard()
    assert guard.stdin is not None
    # Short enough to be written as a whole, whatever other threads write.
    os.write(guard.stdin.fileno(), f"{change} {pid}\n".encode())


if TYPE_CHECKING:
    ChildProcess = subprocess.Popen
else:

    class ChildProcess(subprocess.Popen):
        """A ``subprocess.Popen`` that ends with this process.

        With ``start_new_session`` its whole process group does.
        """

        _is_guarded = False

        def __init__(self, *args, start_new_session: bool = False, **options) -> None:  # noqa: ANN002, ANN003 - its own
            _guard()  # before the child exists
            super().__init__(*args, start_new_session=start_new_session, **options)
            self._is_guarded = True
            _report("group" if start_new_session else "process", self.pid)

        def poll(self) -> int | None:
            """See ``subprocess.Popen``."""
            return self._seen(super().poll())

        def wait(self, timeout: float | None = None) -> int:
            """See ``subprocess.Popen``."""
            return self._seen(super().wait(timeout))

        def _seen(self, status: int | None) -> int | None:
            if status is not None and self._is_guarded:
                self._is_guarded = False  # another process may get its id
                with suppress(BrokenPipeError):
                    _report("ended", self.pid)
            return status


def run_child(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
    is_merged: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without input; it ends with this process.

    Args:
        command: The program and its arguments.
        folder: The working directory.
        environment: The whole environment; by default this process's.
        seconds: The time limit.
        is_merged: Whether stderr is merged into stdout.

    Raises:
        subprocess.TimeoutExpired: It exceeded the limit and was killed.
    """
    with ChildProcess(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if is_merged else subprocess.PIPE,
        text=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
