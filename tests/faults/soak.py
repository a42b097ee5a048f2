"""Run random schedules of faults for some time, and check all invariants after each window.

Prints the seeds of schedules with violations, and exits with 1 if there are any. ``--seed S
--schedules 1`` repeats the schedule of a seed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import Final

import click
from rich.console import Console

from drainctl import MakeCommand
from simulator.aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess

_PROCESSES: Final = 3 * (os.cpu_count() or 1)
"""More than there are cores, as schedules mostly wait."""
_AT_ONCE: Final = 10 * _PROCESSES
_SEEDS: Final = 1_000_000
_MOST_MINUTES: Final = 7 * 24 * 60


@click.command("soak", cls=MakeCommand, help=__doc__)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True, max=_MOST_MINUTES),
    default=10,
    show_default=True,
    help="How long to keep starting schedules.",
)
@click.option(
    "--schedules",
    type=click.IntRange(min=1),
    help="Number of schedules to run, instead of --minutes.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Seed of the first schedule; random by default."
)
def main(minutes: float, schedules: int | None, seed: int | None) -> None:
    """Run the schedules."""
    console = Console(highlight=False)
    first = random.SystemRandom().randrange(_SEEDS) if seed is None else seed
    ends_at = time.monotonic() + 60 * minutes
    count, failed = 0, False
    while schedules is None or count < schedules:
        some = _AT_ONCE if schedules is None else schedules
        console.print(f"Schedules {first + count} to {first + count + some - 1}")
        failed |= _run(first + count, some) != 0
        count += some
        if time.monotonic() >= ends_at:
            break
    console.print(f"{count} schedules, {'some with violations' if failed else 'no violation'}.")
    sys.exit(failed)


def _run(first: int, schedules: int) -> int:
    """Run schedules in several processes, and return the exit status of pytest."""
    processes = str(min(_PROCESSES, schedules))
    tests = "tests/faults/test_random_schedules.py"
    with ChildProcess(
        [sys.executable, "-m", "pytest", "-q", f"--numprocesses={processes}", tests],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "FIRST_SEED": str(first), "SCHEDULES": str(schedules)},
        stdin=subprocess.DEVNULL,
    ) as process:
        return process.wait()


if __name__ == "__main__":
    main()
