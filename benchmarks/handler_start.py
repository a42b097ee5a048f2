"""The handler's start in a fresh environment: its import, then its first call.

It imports nothing itself before the handler, so that what the handler imports is seen to cost what
it costs. ``imported_seconds`` is how long that took; ``called_at`` is when the handler was called.
"""

from __future__ import annotations

import time
from importlib import import_module

_MILLISECONDS = 60_000


class _Context:
    """As much of a Lambda's context as the handler asks for."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-north-1:000000000000:function:bench"
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Tell that there is time enough."""
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
