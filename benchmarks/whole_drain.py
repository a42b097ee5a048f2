"""Measures a drain of the real engine, with settings from its environment."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Final

from benchmarks.measured import measured
from eventdrain.settings import Settings
from eventdrain.wiring import run_drain

_LIFE: Final = timedelta(minutes=14)


def main() -> None:
    """Run one drain, and print its figures and its report."""
    with measured() as figures:
        report = run_drain(Settings.from_env(os.environ), remaining=_LIFE)
        figures["report"] = report.as_json()


if __name__ == "__main__":
    main()
