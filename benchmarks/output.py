"""The output of the bench: tables, and a JSON file."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Compared, Measure, Packing, Queried, Results, Scaled


def tables(results: Results, *, is_judged: bool) -> Iterator[Table]:
    """Yield the tables to print: the measures, then their details.

    Args:
        results: The results.
        is_judged: Whether to show which targets are met.
    """
    measures = Table(title="Speed and memory", title_justify="left")
    measures.add_column("measure")
    measures.add_column("value", justify="right")
    measures.add_column("target")
    measures.add_column("")
    for each in results.measures:
        target = "" if each.target is None else str(each.target)
        measures.add_row(each.name, _shown(each), target, _KINDS[each.is_met] if is_judged else "")
    if results.measures:
        yield measures
    yield from _detail_tables(results)


def _detail_tables(results: Results) -> Iterator[Table]:
    if results.compared:
        yield _compared_table(results.compared)
    if results.floor_modes:
        modes = Table(title="Modes of grpcio: CPU per event", title_justify="left")
        modes.add_column("mode")
        modes.add_column("µs", justify="right")
        for name, micros in sorted(results.floor_modes.items(), key=lambda item: item[1]):
            modes.add_row(name, f"{micros:.0f}")
        yield modes
    if results.scale:
        yield from _scale_tables(results.scale)
    if results.packing:
        yield _packing_table(results.packing)
    if results.queried:
        yield _queried_table(results.queried)
    if results.imports:
        imports = Table(title="Imports of the handler above 50 ms", title_justify="left")
        imports.add_column("module")
        imports.add_column("own ms", justify="right")
        imports.add_column("cumulative", justify="right")
        for dear in results.imports:
            imports.add_row(dear.name, f"{dear.own:.0f}", f"{dear.cumulative:.0f}")
        yield imports


def _compared_table(found: Sequence[Compared]) -> Table:
    table = Table(title="This checkout and the other, pairs in turn", title_justify="left")
    table.add_column("figure")
    for name in ("this", "other", "this / other", "least", "greatest"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(
            each.name,
            f"{each.ours:,.0f} {each.unit}",
            f"{each.theirs:,.0f} {each.unit}",
            f"{median(each.ratios):.2f}",
            f"{min(each.ratios):.2f}",
            f"{max(each.ratios):.2f}",
        )
    return table


def _queried_table(found: Sequence[Queried]) -> Table:
    table = Table(title="Saved queries, before and after compaction", title_justify="left")
    table.add_column("query")
    for name in ("kB before", "after", "ratio", "ms before", "after", "ratio"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(
            each.title,
            f"{each.bytes_before / 1000:,.0f}",
            f"{each.bytes_after / 1000:,.0f}",
            f"{each.bytes_after / each.bytes_before:.2f}",
            f"{each.seconds_before * 1000:,.0f}",
            f"{each.seconds_after * 1000:,.0f}",
            f"{each.seconds_after / each.seconds_before:.2f}",
        )
    return table


def _scale_tables(found: Sequence[Scaled]) -> Iterator[Table]:
    for latencies in dict.fromkeys(each.latencies for each in found):
        table = Table(title=f"Throughput, S3/SQS/ack take {latencies}", title_justify="left")
        names = "runs", "streams", "events/s", "times one", "cores", "servers'", "least share"
        for name in names:
            table.add_column(name, justify="right")
        for each in found:
            if each.latencies == latencies:
                table.add_row(
                    f"{each.concurrent_runs}",
                    f"{each.streams}",
                    f"{each.per_second:,.0f}",
                    f"{each.growth:.2f}",
                    f"{each.drain_cores:.2f}",
                    f"{each.server_cores:.2f}",
                    f"{each.smallest_share:.2f}",
                )
        yield table


def _packing_table(found: Sequence[Packing]) -> Table:
    table = Table(title="Several events in a message, for a million events", title_justify="left")
    for name in ("most events", "CPU per event", "CPU / one", "requests", "messages"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(
            f"{each.events_per_message}",
            f"{each.cpu_micros:.0f} µs",
            f"{each.cpu_ratio:.2f}",
            f"{each.calls:,.0f}",
            f"{each.messages:,.0f}",
        )
    return table


def as_json(results: Results) -> str:
    """Return the results as JSON, with the time and the machine."""
    found: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "loads": results.loads,
        "measures": [
            {
                "name": each.name,
                "value": each.value,
                "unit": each.unit,
                "target": None if each.target is None else str(each.target),
                "is_met": each.is_met,
            }
            for each in results.measures
        ],
        "floor_modes": results.floor_modes,
        "scale": [asdict(each) for each in results.scale],
        "packing": [asdict(each) for each in results.packing],
        "queried": [asdict(each) for each in results.queried],
        "compared": [asdict(each) for each in results.compared],
        "imports": [asdict(each) for each in results.imports],
    }
    return json.dumps(found, indent=2) + "\n"


_KINDS: Final = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}


def _shown(measure: Measure) -> str:
    if not measure.unit:
        return f"{measure.value:.2f}"
    return f"{measure.value:,.0f} {measure.unit}"
