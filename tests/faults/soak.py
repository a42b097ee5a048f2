"""Random schedules for as long as it is told: ``python -m tests.faults.soak --minutes 10``.

Prints schedules, faults, events, copies and violations. ``--seed S --schedules 1`` runs the one
schedule of a seed again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.faults.processes import PATH
from tests.faults.schedules import ScheduleResult
from tests.local.embedded_aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORKERS: Final = 3 * (os.cpu_count() or 1)
"""Three for each core: most of a schedule's time is waiting."""
_SEEDS: Final = 1_000_000


@dataclass
class Totals:
    """What many schedules came to."""

    results: list[ScheduleResult] = field(default_factory=list)

    @property
    def failed(self) -> list[ScheduleResult]:
        """Those in which something did not hold."""
        return [result for result in self.results if result.violations]

    def __str__(self) -> str:
        events = sum(result.events for result in self.results)
        copies = sum(result.copies for result in self.results)
        lines = [
            f"schedules                {len(self.results)}",
            f"windows                  {sum(result.windows for result in self.results)}",
            f"faults injected          {sum(result.faults for result in self.results)}",
            f"events                   {events}",
            f"copies per 10,000 events {10_000 * copies / max(1, events):.0f}",
            f"violations               {sum(len(r.violations) for r in self.results)}",
        ]
        for result in self.failed:
            lines.append(f"seed {result.seed}:")
            lines += [f"  {violation}" for violation in result.violations[:10]]
        return "\n".join(lines)


def run_schedules(
    first_seed: int, *, schedules: int | None = None, seconds: float | None = None
) -> Totals:
    """Run schedules side by side.

    Args:
        first_seed: The seed of the first; each other's is one more.
        schedules: How many; None for as many as there is time for.
        seconds: How long at the most; None for as long as it takes.

    Raises:
        RuntimeError: A worker ended before its time.
    """
    workers = min(_WORKERS, schedules or _WORKERS)
    arguments = [f"--every={workers}"]
    if schedules is not None:
        arguments.append(f"--last-seed={first_seed + schedules - 1}")
    if seconds is not None:
        arguments.append(f"--seconds={seconds}")
    with ThreadPoolExecutor(workers) as threads:
        results = threads.map(
            lambda worker: list(_work([f"--first-seed={first_seed + worker}", *arguments])),
            range(workers),
        )
        return Totals([result for some in results for result in some])


def _work(arguments: list[str]) -> Iterator[ScheduleResult]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.schedule_worker", *arguments],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "PYTHONPATH": PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            content = json.loads(line)
            yield ScheduleResult(**{**content, "violations": tuple(content["violations"])})
    if worker.returncode != 0:
        raise RuntimeError(f"a worker ended with {worker.returncode}")


def main() -> None:
    """Soak."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--schedules", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(_SEEDS))
    options = parser.parse_args()
    minutes = 1.0 if options.minutes is options.schedules is None else options.minutes
    sys.stdout.write(f"first seed               {options.seed}\n")
    totals = run_schedules(
        options.seed,
        schedules=options.schedules,
        seconds=None if minutes is None else 60 * minutes,
    )
    sys.stdout.write(f"{totals}\n")
    sys.exit(1 if totals.failed else 0)


if __name__ == "__main__":
    main()
