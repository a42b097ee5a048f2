"""Measures the handler's start in a fresh environment: its import, then its first call.

This module imports nothing before the handler, so that the whole cost of the handler's imports is
measured. ``imported_seconds`` is their time; ``called_at`` is when the handler was called first;
``cpu_seconds`` has the process's CPU time for the import, and for each call.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module

_MILLISECONDS = 60_000


class _Context:
    """The part of a Lambda context that the handler uses."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-north-1:000000000000:function:bench"
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Return more time than the run needs."""
        return _MILLISECONDS


def main() -> None:
    """Import the handler, call it as often as the first argument says, and print the figures."""
    started, cpu = time.perf_counter(), [time.process_time()]
    app = import_module("app")
    imported_seconds = time.perf_counter() - started
    cpu.append(time.process_time())
    called_at = time.time()
    for _ in range(int(sys.argv[1])):
        app.handler({}, _Context())
        cpu.append(time.process_time())

    import json  # noqa: PLC0415 - see above
    from itertools import pairwise  # noqa: PLC0415

    figures = {
        "imported_seconds": imported_seconds,
        "called_at": called_at,
        "cpu_seconds": [after - before for before, after in pairwise(cpu)],
    }
    print(json.dumps(figures))  # noqa: T201 - click is an import


if __name__ == "__main__":
    main()
