"""Which branches of the engine the schedules reach."""

from __future__ import annotations

import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Final

from simulator.aws import PROJECT_FOLDER

_PARTS: Final = ("drain/*", "auth/*", "replay/*", "run.py")
_SIMULATED: Final = ",".join(f"layers/eventdrain/eventdrain/{part}" for part in _PARTS)


def print_missing_branches(seeds: range) -> None:
    """Simulate schedules in another process; print coverage.py's report on what they run."""
    schedules = f"-m tests.simulation --jobs 1 --seed {seeds.start} --schedules {len(seeds)}"
    run = f"run --branch --concurrency greenlet --include {_SIMULATED} {schedules}"
    with TemporaryDirectory() as folder:
        for command in (run, "report --show-missing --skip-covered"):
            name, *options = command.split()
            coverage = [sys.executable, "-m", "coverage", name, f"--data-file={folder}/data"]
            subprocess.run([*coverage, *options], cwd=PROJECT_FOLDER, check=False)
