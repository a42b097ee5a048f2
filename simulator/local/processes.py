"""Processes that may have ended, identified by id and start time, as ids are reused."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

_PROC: Final = Path("/proc")
_KILL_LIMIT: Final = timedelta(seconds=10)


class ProcessRecord(NamedTuple):
    """A process as it is written to a file.

    Attributes:
        pid: Its id.
        started: When it was started, in the operating system's format.
        is_group: Whether it leads a process group that ends with it.
    """

    pid: int
    started: str
    is_group: bool = False

    @classmethod
    def of(cls, pid: int, *, is_group: bool = False) -> Self | None:
        """Return the record of a process; None if it has ended."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started, is_group)

    def is_alive(self) -> bool:
        """Whether this process still runs."""
        return _start_time(self.pid) == self.started


def kill(records: Iterable[ProcessRecord]) -> int:
    """Kill those processes that still run, and wait until they have ended.

    Returns:
        How many there were.

    Raises:
        TimeoutError: One didn't end.
    """
    alive = [record for record in records if record.is_alive()]
    for record in alive:
        with suppress(ProcessLookupError):
            (os.killpg if record.is_group else os.kill)(record.pid, signal.SIGKILL)
    end = time.monotonic() + _KILL_LIMIT.total_seconds()
    while any(record.is_alive() for record in alive):
        if time.monotonic() > end:
            raise TimeoutError(f"a process doesn't end: {[record.pid for record in alive]}")
        time.sleep(0.02)
    return len(alive)


def _start_time(pid: int) -> str | None:
    """Return when a process was started; None if it has ended, even if it is a zombie."""
    if not _PROC.joinpath("self").exists():  # as on macOS
        listed = subprocess.run(
            ["ps", "-o", "state=,lstart=", "-p", str(pid)],
            check=False,
            capture_output=True,
            text=True,
        ).stdout.strip()
        return None if not listed or listed.startswith("Z") else listed.partition(" ")[2].strip()
    try:
        stat = _PROC.joinpath(str(pid), "stat").read_text()
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before may have any character
    return None if state in "ZX" else f"{boot} {fields[18]}"
