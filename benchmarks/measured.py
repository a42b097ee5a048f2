"""What a measured process tells of itself, once it has done its work."""

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
    """Measure what is done inside, and print it as a JSON object at the end.

    Says that it is ready, and begins when it is told to, by a line of input or by its end: so
    several processes can begin together, whatever their imports take.

    ``cpu_seconds`` and ``wall_seconds`` are those of the block, ``process_cpu_seconds`` those of
    the process from its start, the interpreter's and the imports' included; ``peak_bytes`` is the
    most memory that it had resident.

    Yields:
        The object, for the block to add to.
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
        # On Linux getrusage() knows a figure that is inherited from the parent process.
        match = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        if match:
            return int(match[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
