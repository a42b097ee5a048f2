"""Measures the speed and memory of a drain, and compares them with targets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from benchmarks.amounts import FULL, QUICK
from benchmarks.charts import draw_archive, draw_scale, draw_speed
from benchmarks.measures import Bench
from benchmarks.output import as_json, tables
from benchmarks.processes import PROJECT_FOLDER, BenchError
from drainctl import MakeCommand

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
def main(parts: tuple[str, ...], json_path: Path, charts_folder: Path, *, quick: bool) -> None:
    """Measure a drain: all parts, or only PARTS.

    \b
    cpu      CPU time per event, compared with a bare loop and the vendor's outline
    latency  throughput with latencies of S3, SQS and acks
    memory   peak memory of a long window, compared with a short one
    start    the handler's imports and set-up
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
    try:
        for part in _PARTS:
            if not parts or part in parts:
                measure[part]()
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    for table in tables(bench.results, is_judged=not quick):
        console.print(table)
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(as_json(bench.results))
    charts_folder.mkdir(parents=True, exist_ok=True)
    if bench.results.floor_modes:
        draw_speed(bench.results, charts_folder / "speed.png")
    if bench.results.scale:
        draw_scale(bench.results.scale, charts_folder / "scale-throughput.png")
    if bench.results.queried:
        draw_archive(bench.results.queried, charts_folder / "archive.png")
    if not quick and any(each.is_met is False for each in bench.results.measures):
        sys.exit(1)


if __name__ == "__main__":
    main()
