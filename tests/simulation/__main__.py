"""Run whole runs of the engine through random schedules of faults, in virtual time.

Each schedule is one stack with its event server, sinks, secrets, token endpoint and Lambda; its
seed decides everything that happens. All promises of docs/guarantees.md are checked. The first
schedule that breaks one is reduced to what is needed, and printed with a trace. Exits with 1 then.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from drainctl import MakeCommand
from tests.simulation.coverage import branches_reached
from tests.simulation.faults import FAULTS
from tests.simulation.schedule import Schedule, draw
from tests.simulation.series import Totals, simulate_series
from tests.simulation.shrink import shrink
from tests.simulation.simulate import simulate, virtual

_AT_ONCE: Final = 100


@click.command("simulate", cls=MakeCommand, help=__doc__)
@click.option("--schedules", default=10_000, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="The first seed.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes.")
@click.option(
    "--trace",
    type=click.Path(exists=True, path_type=Path, dir_okay=False),
    help="Print the trace of the schedule in a file, such as a row of regressions/.",
)
@click.option("--coverage", is_flag=True, help="Also count the engine's branches. Slower.")
def main(*, schedules: int, seed: int, jobs: int, trace: Path | None, coverage: bool) -> None:
    """Simulate."""
    console = Console(highlight=False, soft_wrap=True)
    if trace is not None:
        schedule = msgspec.json.decode(trace.read_bytes(), type=Schedule)
        sys.exit(_print_trace(console, schedule))
    began = time.monotonic()
    totals = Totals()
    series = [
        (first, min(_AT_ONCE, seed + schedules - first))
        for first in range(seed, seed + schedules, _AT_ONCE)
    ]
    columns = (
        TextColumn("simulating"),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} a minute"),
        TimeRemainingColumn(),
    )
    with (
        ProcessPoolExecutor(min(jobs, len(series))) as processes,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("", total=schedules, rate="")
        for some in processes.map(simulate_series, series):
            totals.add(some)
            rate = totals.schedules / (time.monotonic() - began) * 60
            progress.update(task, advance=some.schedules, rate=f"{rate:,.0f}")
            if some.broken is not None:
                processes.shutdown(cancel_futures=True)
                break
    _print_table(console, totals, time.monotonic() - began)
    if coverage:
        _print_branches(console, branches_reached(range(seed, seed + min(schedules, 2_000))))
    broken = totals.broken
    if broken is not None:
        with virtual():
            text = simulate(draw(broken)).violations[0]
            console.print(f"violation in schedule {broken - seed + 1} of {schedules}: {text}")
            console.print("It is reduced now to what is needed.")
            schedule = shrink(draw(broken))
        _print_trace(console, schedule)
        console.print("To keep it, save this as a file in tests/simulation/regressions:")
        console.print(msgspec.json.encode(schedule).decode(), markup=False)
        sys.exit(1)


def _print_trace(console: Console, schedule: Schedule) -> int:
    """Print what happens in a schedule; return 1 if a promise is broken, else 0."""
    with virtual():
        world = simulate(schedule, is_traced=True)
    for line in world.trace or ():
        console.print(line, markup=False)
    return int(bool(world.violations))


def _print_table(console: Console, totals: Totals, seconds: float) -> None:
    table = Table("", "", show_header=False)
    possible = len(FAULTS) * (len(FAULTS) - 1) // 2
    never = [name for name in FAULTS if not totals.strikes[name]]
    for name, value in (
        ("schedules", f"{totals.schedules:,}"),
        ("schedules a minute", f"{totals.schedules / seconds * 60:,.0f}"),
        (
            "schedules a minute of one core's time",
            f"{totals.schedules / totals.cpu_seconds * 60:,.0f}",
        ),
        ("runs", f"{totals.runs:,}"),
        ("events", f"{totals.events:,}"),
        ("simulated days", f"{totals.seconds / 86_400:,.1f}"),
        ("faults that struck", f"{totals.strikes.total():,}"),
        ("kinds of faults", f"{len(FAULTS) - len(never)} of {len(FAULTS)}"),
        ("pairs of them in one schedule", f"{len(totals.pairs):,} of {possible:,}"),
    ):
        table.add_row(name, value)
    console.print(table)
    if never and totals.broken is None:
        console.print(f"never: {', '.join(never)}")


def _print_branches(console: Console, report: dict[str, Any]) -> None:
    all_of = report["totals"]
    console.print(
        f"branches of the engine: {all_of['covered_branches']} of {all_of['num_branches']}; not:"
    )
    for path, of_file in report["files"].items():
        if missed := of_file["missing_branches"]:
            lines = ", ".join(f"{begin} to {end}" for begin, end in missed)
            console.print(f"{path.rpartition('eventdrain/')[2]}: {lines}")


if __name__ == "__main__":
    main()
