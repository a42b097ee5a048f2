"""Random schedules of faults for as long as it is told, all promises checked after each window.

Prints schedules, faults, events, copies and violations, and exits with 1 if there are any of these.
``--seed S --schedules 1`` runs the one schedule of a seed again.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from drainctl.make_command import MakeCommand
from simulator.aws.embedded_aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess
from tests.faults.processes import PATH
from tests.faults.schedules import ScheduleResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORKERS: Final = 3 * (os.cpu_count() or 1)
"""Three for each core: most of a schedule's time is waiting."""
_SEEDS: Final = 1_000_000
_MOST_MINUTES: Final = 7 * 24 * 60


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
    first_seed: int,
    *,
    schedules: int | None = None,
    seconds: float | None = None,
    on_result: Callable[[ScheduleResult], None] = lambda _: None,
) -> Totals:
    """Run schedules side by side.

    Args:
        first_seed: The seed of the first; each other's is one more.
        schedules: How many; None for as many as there is time for.
        seconds: How long at the most; None for as long as it takes.
        on_result: Called after each, from several threads.

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

        def work(worker: int) -> list[ScheduleResult]:
            results = []
            for result in _work([f"--first-seed={first_seed + worker}", *arguments]):
                results.append(result)
                on_result(result)
            return results

        return Totals([result for some in threads.map(work, range(workers)) for result in some])


def _work(arguments: list[str]) -> Iterator[ScheduleResult]:
    with ChildProcess(
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


@click.command("soak", cls=MakeCommand, help=__doc__)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True, max=_MOST_MINUTES),
    default=10,
    show_default=True,
    help="How long.",
)
@click.option(
    "--schedules", type=click.IntRange(min=1), help="How many instead, however long that takes."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Of the first schedule; a random one unless given.",
)
def main(minutes: float, schedules: int | None, seed: int | None) -> None:
    """Soak."""
    console = Console(highlight=False)
    first = random.SystemRandom().randrange(_SEEDS) if seed is None else seed
    console.print(f"first seed               {first}")
    so_far = Totals()
    with console.status("Starting") as status:

        def tell(result: ScheduleResult) -> None:
            so_far.results.append(result)
            status.update(f"{len(so_far.results)} schedules, {len(so_far.failed)} with violations")

        seconds = 60 * minutes if schedules is None else None
        totals = run_schedules(first, schedules=schedules, seconds=seconds, on_result=tell)
    console.print(str(totals))
    if not totals.results:
        raise click.ClickException(
            "no schedule ended in that time. To fix this, give more --minutes"
        )
    sys.exit(bool(totals.failed))


if __name__ == "__main__":
    main()
