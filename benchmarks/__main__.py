"""Measures the speed and memory of a drain, and compares them with targets."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from benchmarks.amounts import FULL, QUICK
from benchmarks.charts import draw_archive, draw_scale, draw_speed
from benchmarks.measures import Bench
from benchmarks.output import as_json, tables
from benchmarks.processes import PROJECT_FOLDER, BenchError
from drainctl import MakeCommand

if TYPE_CHECKING:
    from benchmarks.results import Results

_ENGINE: Final = "layers/eventdrain/eventdrain"
_PARTS: Final = ("cpu", "latency", "memory", "start", "scale", "packing", "replay", "archive")


@click.command("bench", cls=MakeCommand)
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option("--quick", is_flag=True, help="Few events, one round: only to check the bench.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PROJECT_FOLDER / "build" / "bench.json",
    help="Where to write the figures; build/bench.json if not given.",
)
@click.option(
    "--charts",
    "charts_folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT_FOLDER / "build",
    help="Where to draw the charts; build/ if not given. docs/ has the published ones.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Only compare with the engine of another checkout, in this folder.",
)
def main(
    parts: tuple[str, ...],
    json_path: Path,
    charts_folder: Path,
    against: Path | None,
    *,
    quick: bool,
) -> None:
    """Measure a drain: all parts, or only PARTS.

    \b
    cpu      CPU time per event, compared with a bare loop and the vendor's outline
    latency  throughput with latencies of S3, SQS and acks
    memory   peak memory of a long window, compared with a short one
    start    the handler's imports and set-up, and CPU time of runs without events
    scale    throughput by streams and concurrent runs on one durable queue
    packing  savings from packing several events into one message
    replay   how fast archived events are sent again
    archive  what the saved queries read, before and after compaction

    Exits with 1 if a target is missed. With --quick, targets are not checked.
    """  # noqa: D301 - to click, \b is a character: it keeps the lines below it apart
    console = Console()
    bench = Bench(
        QUICK if quick else FULL, lambda text: console.print(text, style="dim", soft_wrap=True)
    )
    measure = {
        "cpu": bench.cpu,
        "latency": bench.latency,
        "memory": bench.memory,
        "start": bench.start,
        "scale": bench.scale,
        "packing": bench.packing,
        "replay": bench.replay,
        "archive": bench.archive,
    }
    if against is not None and not (against / _ENGINE).is_dir():
        raise click.BadParameter(
            f"{against} has no {_ENGINE}: specify a checkout of this project",
            param_hint="--against",
        )
    bench.results.loads.append(os.getloadavg()[0])
    try:
        if against is not None:
            bench.compare(against)
        for part in _PARTS if against is None else ():
            if not parts or part in parts:
                measure[part]()
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    bench.results.loads.append(os.getloadavg()[0])
    for table in tables(bench.results, is_judged=not quick):
        console.print(table)
    console.print(_noise(*bench.results.loads), soft_wrap=True)
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(as_json(bench.results))
    _draw_charts(bench.results, charts_folder)
    if not quick and any(each.is_met is False for each in bench.results.measures):
        sys.exit(1)


def _draw_charts(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if results.floor_modes:
        draw_speed(results, folder / "speed.png")
    if results.scale:
        draw_scale(results.scale, folder / "scale-throughput.png")
    if results.queried:
        draw_archive(results.queried, folder / "archive.png")


def _noise(at_start: float, at_end: float) -> str:
    return (
        f"{os.cpu_count()} processors, load {at_start:.1f} at the start, {at_end:.1f} at the end."
        " A bench by itself causes a load of about 2: above that, trust ratios more than figures."
    )


if __name__ == "__main__":
    main()
