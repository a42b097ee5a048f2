"""One drain in its own process, for tests that kill or freeze it.

``python -m tests.faults.drain_process OPTIONS``, with the engine's environment: prints that it is
ready, waits for the end of its input, drains, and prints the report.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

from eventdrain.settings import Settings
from eventdrain.wiring import run_drain


def main() -> None:
    """Run one drain."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--remaining-seconds", type=float)
    parser.add_argument("--settings", type=json.loads)
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("eventdrain").setLevel(logging.DEBUG)
    changes: dict[str, Any] = {
        name: timedelta(seconds=value) if isinstance(value, float) else value
        for name, value in options.settings.items()
    }
    settings = replace(Settings.from_env(os.environ), **changes)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    report = run_drain(settings, remaining=timedelta(seconds=options.remaining_seconds))
    sys.stdout.write(json.dumps(report.as_json()))


if __name__ == "__main__":
    main()
