"""What the bench shows: a table, a JSON file, one chart."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.results import Measure, Results

_INK: Final = "#24292f"
_FAINT: Final = "#8c959f"
_BAR: Final = "#0969da"
_BARS: Final = {
    "CPU per event, floor": "gRPC alone: receive and ack",
    "CPU per event, drain": "This drain: receive, S3, SQS, ack",
    "CPU per event, vendor's outline": "One S3 object, one SQS message\nand one ack for each event",
}


def tables(results: Results, *, is_judged: bool) -> Iterator[Table]:
    """Give the tables to print: the measures, then what they are made of.

    Args:
        results: All of it.
        is_judged: Whether to say which targets are met.
    """
    measures = Table(title="Speed and memory", title_justify="left")
    measures.add_column("measure")
    measures.add_column("value", justify="right")
    measures.add_column("target")
    measures.add_column("")
    for each in results.measures:
        target = "" if each.target is None else str(each.target)
        measures.add_row(
            each.name, _shown(each), target, _VERDICTS[each.is_met] if is_judged else ""
        )
    yield measures
    if results.floor_modes:
        modes = Table(title="Modes of grpcio: CPU per event", title_justify="left")
        modes.add_column("mode")
        modes.add_column("µs", justify="right")
        for name, micros in sorted(results.floor_modes.items(), key=lambda item: item[1]):
            modes.add_row(name, f"{micros:.0f}")
        yield modes
    if results.imports:
        imports = Table(title="Imports of the handler above 50 ms", title_justify="left")
        imports.add_column("module")
        imports.add_column("own ms", justify="right")
        imports.add_column("with all in it", justify="right")
        for dear in results.imports:
            imports.add_row(dear.name, f"{dear.own:.0f}", f"{dear.cumulative:.0f}")
        yield imports


def as_json(results: Results) -> str:
    """Give everything as JSON, with when and on what it was measured."""
    found: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
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
        "imports": [asdict(each) for each in results.imports],
    }
    return json.dumps(found, indent=2) + "\n"


def draw(results: Results, path: Path) -> None:
    """Draw the CPU time per event of the drain between its two bounds."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second that only a chart needs

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    values = {each.name: each.value for each in results.measures}
    names = list(_BARS)
    figure, axes = plt.subplots(figsize=(8, 2.4), layout="constrained", facecolor="white")
    colours = [_BAR if name == "CPU per event, drain" else _FAINT for name in names]
    bars = axes.barh(
        [_BARS[name] for name in names], [values[name] for name in names], color=colours, height=0.6
    )
    axes.bar_label(bars, fmt="{:,.0f} µs", padding=6, color=_INK, fontsize=11)
    axes.invert_yaxis()
    axes.set_title("CPU time per event", loc="left", color=_INK, fontsize=12, weight="bold")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=11, labelcolor=_INK)
    axes.set_xticks([])
    axes.margins(x=0.12)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)
    plt.close(figure)


_VERDICTS: Final = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}


def _shown(measure: Measure) -> str:
    if not measure.unit:
        return f"{measure.value:.2f}"
    return f"{measure.value:,.0f} {measure.unit}"
