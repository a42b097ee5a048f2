"""A function's handler in its own process, called as Lambda does.

``python -m tests.faults.handler_process FUNCTION EVENT``, with the function's environment, where
FUNCTION is a folder of ``functions`` and EVENT is JSON; by default the drain's and ``{}``. Logs and
metrics go to standard output; the last line is the answer, or the name and text of the error.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from types import SimpleNamespace
from typing import Any, Final

from simulator.aws import PROJECT_FOLDER

_CONTEXT: Final = SimpleNamespace(
    function_name="made-up-function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-north-1:000000000000:function:made-up-function",
    aws_request_id="made-up-request",
    get_remaining_time_in_millis=lambda: 20_000,
)


def main() -> None:
    """Call the handler once."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "drain-events")
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "EventDrain")
    function, event = sys.argv[1:] or ("drain_events", "{}")
    path = PROJECT_FOLDER / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location("app", path)
    assert spec is not None
    assert spec.loader is not None
    app: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    try:
        answer: dict[str, Any] = app.handler(json.loads(event), _CONTEXT)
    except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
        answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
    sys.stdout.write(f"{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
