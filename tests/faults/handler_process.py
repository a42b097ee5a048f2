"""A function's handler, run as Lambda runs it, in a process of its own.

``python -m tests.faults.handler_process FUNCTION EVENT``, with the function's environment, where
FUNCTION is a folder of ``functions``, by default that of the drain, and EVENT is JSON, by default
``{}``. What it logs and measures goes to standard output; the last line is its answer, or the name
of what it raised.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from dataclasses import dataclass
from typing import Any, Final

from simulator.aws.embedded_aws import PROJECT_FOLDER

_DEFAULTS: Final = ("drain_events", "{}")


@dataclass(frozen=True)
class MadeUpContext:
    """What Lambda tells a handler of its invocation."""

    function_name: str = "made-up-function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-north-1:000000000000:function:made-up-function"
    aws_request_id: str = "made-up-request"

    def get_remaining_time_in_millis(self) -> int:
        """Give the time until the function is ended."""
        return 20_000


def main() -> None:
    """Call the handler once."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "drain-events")
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "EventDrain")
    function, event = [*sys.argv[1:], *_DEFAULTS[len(sys.argv) - 1 :]]
    path = PROJECT_FOLDER / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location("app", path)
    assert spec is not None
    assert spec.loader is not None
    app: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    try:
        answer: dict[str, Any] = app.handler(json.loads(event), MadeUpContext())
    except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
        answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
    sys.stdout.write(f"{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
