"""Measures a block of code in a process, and prints the figures."""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS: Final = Path("/proc/self/status")


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    """Measure the block inside, and print the figures as a JSON object at the end.

    Prints "ready", then waits for a line of input or the end of input: so several processes begin
    together, however long their imports take.

    ``cpu_seconds`` and ``wall_seconds`` are those of the block. ``process_cpu_seconds`` is the CPU
    time of the whole process, including the interpreter's start and the imports. ``peak_bytes`` is
    the peak resident memory.

    Yields:
        The object, to which the block can add figures.
    """
    figures: dict[str, Any] = {}
    click.echo("ready")
    sys.stdout.flush()
    sys.stdin.readline()
    wall, cpu = time.perf_counter(), time.process_time()
    yield figures
    figures["cpu_seconds"] = time.process_time() - cpu
    figures["wall_seconds"] = time.perf_counter() - wall
    figures["process_cpu_seconds"] = time.process_time()
    figures["peak_bytes"] = _peak_bytes()
    click.echo(json.dumps(figures))


def _peak_bytes() -> int:
    if _STATUS.exists():
        # On Linux, the figure of getrusage() is inherited from the parent process.
        match = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        if match:
            return int(match[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
