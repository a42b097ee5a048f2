"""Run whole runs of the engine through random schedules of faults, in virtual time.

Each schedule is one stack with its event server, sinks, secrets, token endpoint and Lambda; its
seed decides everything that happens. Promises 1 to 6 of docs/guarantees.md are checked. The first
schedule that breaks one is reduced to what is needed, and printed with a trace. Exits with 1 then.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from drainctl import MakeCommand
from simulator.aws import PROJECT_FOLDER
from tests.simulation.faults import FAULTS
from tests.simulation.schedule import Schedule, draw
from tests.simulation.shrink import shrink
from tests.simulation.simulate import Totals, simulate, simulate_series, virtual

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_AT_ONCE: Final = 100
_COVERED: Final = 2_000
_PARTS: Final = ("drain/*", "auth/*", "replay/*", "run.py")
_SIMULATED: Final = ",".join(f"layers/eventdrain/eventdrain/{part}" for part in _PARTS)


@click.command("simulate", cls=MakeCommand, help=__doc__, context_settings={"show_default": True})
@click.option("--schedules", type=click.IntRange(min=1), default=10_000, help="How many.")
@click.option("--seed", type=click.IntRange(min=0), default=1, help="The first seed.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="one for each core",
    help="How many processes.",
)
@click.option(
    "--trace",
    type=click.Path(exists=True, path_type=Path, dir_okay=False),
    help="Instead, print the trace of the schedule in a file, such as one of regressions/.",
)
@click.option(
    "--coverage", is_flag=True, help="Also list the engine's branches that 2,000 do not reach."
)
def main(*, schedules: int, seed: int, jobs: int, trace: Path | None, coverage: bool) -> None:
    """Simulate."""
    console = Console(highlight=False, soft_wrap=True)
    if trace is not None:
        sys.exit(_print_trace(console, _read(trace)))
    totals = _simulate_all(console, range(seed, seed + schedules), jobs)
    if coverage:
        _print_branches(range(seed, seed + min(schedules, _COVERED)))
    if totals.broken is not None:
        with virtual():
            text = simulate(draw(totals.broken)).violations[0]
            number = totals.broken - seed + 1
            console.print(f"violation in schedule {number} of {schedules}: {text}", markup=False)
            console.print("It is reduced now to what is needed.")
            schedule = shrink(draw(totals.broken))
        _print_trace(console, schedule)
        console.print("To keep it, save this as a file in tests/simulation/regressions:")
        console.print(msgspec.json.encode(schedule).decode(), markup=False)
        sys.exit(1)


def _read(file: Path) -> Schedule:
    try:
        schedule = msgspec.json.decode(file.read_bytes(), type=Schedule)
    except msgspec.MsgspecError as error:
        problem = f"{file} holds no schedule: {error}"
        raise click.BadParameter(problem, param_hint="--trace") from None
    if unknown := {fault.name for fault in schedule.faults} - FAULTS.keys():
        problem = f"{file} has unknown faults: {'; '.join(sorted(unknown))}"
        raise click.BadParameter(problem, param_hint="--trace")
    return schedule


def _simulate_all(console: Console, seeds: range, jobs: int) -> Totals:
    """Simulate the schedules of seeds, with progress; print what they did."""
    series = [seeds[begin : begin + _AT_ONCE] for begin in range(0, len(seeds), _AT_ONCE)]
    columns = (
        TextColumn("simulating"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} a minute"),
        TimeRemainingColumn(),
    )
    totals, began = Totals(), time.monotonic()
    try:
        with Progress(*columns, console=console) as progress, ExitStack() as stack:
            task = progress.add_task("", total=len(seeds), rate="")
            for some in _results(series, jobs, stack):
                totals.add(some)
                rate = totals.counts["schedules"] / (time.monotonic() - began) * 60
                progress.update(task, advance=some.counts["schedules"], rate=f"{rate:,.0f}")
                if some.broken is not None:
                    break
    finally:  # also after Ctrl-C
        if totals.counts:
            _print_table(console, totals, time.monotonic() - began)
    return totals


def _results(series: Sequence[range], jobs: int, stack: ExitStack) -> Iterable[Totals]:
    if jobs == 1:
        return map(simulate_series, series)
    processes = stack.enter_context(
        ProcessPoolExecutor(
            min(jobs, len(series)),
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_IGN),  # Ctrl-C is for the parent process
        )
    )
    stack.callback(processes.shutdown, cancel_futures=True)
    return processes.map(simulate_series, series)


def _print_trace(console: Console, schedule: Schedule) -> int:
    """Print what happens in a schedule; return 1 if a promise is broken, else 0."""
    with virtual():
        world = simulate(schedule, is_traced=True)
    for line in world.trace or ():
        console.print(line, markup=False)
    if not world.violations:
        console.print("No promise is broken.")
    return int(bool(world.violations))


def _print_table(console: Console, totals: Totals, seconds: float) -> None:
    table = Table("", "", show_header=False)
    possible = len(FAULTS) * (len(FAULTS) - 1) // 2
    schedules = totals.counts["schedules"]
    never = [name for name in FAULTS if not totals.strikes[name]]
    for name, value in (
        *((name, f"{count:,}") for name, count in totals.counts.items()),
        ("schedules a minute", f"{schedules / seconds * 60:,.0f}"),
        ("schedules a minute of one core's time", f"{schedules / totals.cpu_seconds * 60:,.0f}"),
        ("simulated days", f"{totals.seconds / 86_400:,.1f}"),
        ("faults that struck", f"{totals.strikes.total():,}"),
        ("kinds of faults", f"{len(FAULTS) - len(never)} of {len(FAULTS)}"),
        ("pairs of them in one schedule", f"{len(totals.pairs):,} of {possible:,}"),
    ):
        table.add_row(name, value)
    console.print(table)
    if never and totals.broken is None:
        console.print(f"never: {'; '.join(never)}")


def _print_branches(seeds: range) -> None:
    """Simulate schedules in another process; print coverage.py's report on what they run."""
    schedules = f"-m tests.simulation --jobs 1 --seed {seeds.start} --schedules {len(seeds)}"
    run = f"run --branch --concurrency greenlet --include {_SIMULATED} {schedules}"
    with TemporaryDirectory() as folder:
        for command in (run, "report --show-missing --skip-covered"):
            name, *options = command.split()
            coverage = [sys.executable, "-m", "coverage", name, f"--data-file={folder}/data"]
            subprocess.run([*coverage, *options], cwd=PROJECT_FOLDER, check=False)


if __name__ == "__main__":
    main()
