"""Measures the handler's start in a fresh environment: its import, then its first call.

This module imports nothing before the handler, so that the whole cost of the handler's imports is
measured. ``imported_seconds`` is their time; ``called_at`` is when the handler was called.
"""

from __future__ import annotations

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
    """Import the handler, call it, and print the figures."""
    started = time.perf_counter()
    app = import_module("app")
    imported_seconds = time.perf_counter() - started
    called_at = time.time()
    app.handler({}, _Context())

    import json  # noqa: PLC0415 - see above

    print(json.dumps({"imported_seconds": imported_seconds, "called_at": called_at}))  # noqa: T201 - click is an import


if __name__ == "__main__":
    main()
