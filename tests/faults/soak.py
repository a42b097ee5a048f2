"""Run random schedules of faults for some time, and check all promises after each window.

Prints schedules, faults, events, copies and violations, and exits with 1 if there are violations.
``--seed S --schedules 1`` runs the one schedule of a seed again.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from drainctl import MakeCommand
from simulator.aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess
from tests.faults.processes import PATH
from tests.faults.schedules import ScheduleResult

if TYPE_CHECKING:
    from collections.abc import Callable

_PROCESSES: Final = 3 * (os.cpu_count() or 1)
"""Most of a schedule's time is waiting."""
_SEEDS: Final = 1_000_000
_MOST_MINUTES: Final = 7 * 24 * 60


@dataclass
class Totals:
    """Results of many schedules."""

    results: list[ScheduleResult] = field(default_factory=list)

    @property
    def failed(self) -> list[ScheduleResult]:
        """Schedules with violations."""
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
    first_seed: int,
    *,
    schedules: int | None = None,
    seconds: float = math.inf,
    on_result: Callable[[ScheduleResult], None] = lambda _: None,
) -> Totals:
    """Run schedules in several processes.

    Args:
        first_seed: Seed of the first; each other's is one more.
        schedules: How many; None for as many as there is time for.
        seconds: How long at the most.
        on_result: Called after each, from several threads.

    Raises:
        RuntimeError: A process ended before its time.
    """
    processes = min(_PROCESSES, schedules or _PROCESSES)
    last_seed = first_seed + (schedules or math.inf) - 1
    totals = Totals()

    def work(number: int) -> None:
        arguments = (first_seed + number, processes, last_seed, seconds)
        with ChildProcess(
            [sys.executable, "-m", "tests.faults.schedules", *map(str, arguments)],
            cwd=PROJECT_FOLDER,
            env={**os.environ, "PYTHONPATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stdout or ():
                result = ScheduleResult(**json.loads(line))
                totals.results.append(result)
                on_result(result)
        if process.returncode != 0:
            raise RuntimeError(f"a process ended with {process.returncode}")

    with ThreadPoolExecutor(processes) as threads:
        list(threads.map(work, range(processes)))
    return totals


@click.command("soak", cls=MakeCommand, help=__doc__)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True, max=_MOST_MINUTES),
    default=10,
    show_default=True,
    help="How long to run.",
)
@click.option(
    "--schedules",
    type=click.IntRange(min=1),
    help="How many schedules instead, however long they take.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Seed of the first schedule; random by default.",
)
def main(minutes: float, schedules: int | None, seed: int | None) -> None:
    """Run the schedules and print their totals."""
    console = Console(highlight=False)
    first = random.SystemRandom().randrange(_SEEDS) if seed is None else seed
    console.print(f"first seed               {first}")
    with console.status("Starting") as status:
        totals = run_schedules(
            first,
            schedules=schedules,
            seconds=60 * minutes if schedules is None else math.inf,
            on_result=lambda result: status.update(f"Seed {result.seed} has run"),
        )
    console.print(str(totals))
    if not totals.results:
        raise click.ClickException(
            "no schedule ended in that time. To fix this, give more --minutes"
        )
    sys.exit(bool(totals.failed))


if __name__ == "__main__":
    main()
