"""The charts of the bench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.results import Queried, Results, Scaled

_INK: Final = "#24292f"
_FAINT: Final = "#8c959f"
_GRID: Final = "#d8dee4"
_BAR: Final = "#0969da"
_MORE: Final = "#bc4c00"
_LINES: Final = ((_BAR, -16), (_MORE, 8))
"""The colour of each line, and the distance of its labels above it, in points."""
_BARS: Final = {
    "CPU per event, floor": "gRPC alone: receive and ack",
    "CPU per event, drain": "This drain: receive, S3, SQS, ack",
    "CPU per event, vendor's outline": "One S3 object, one SQS message\nand one ack for each event",
}


def draw_speed(results: Results, path: Path) -> None:
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


def draw_scale(found: Sequence[Scaled], path: Path) -> None:
    """Draw how throughput grows with streams and concurrent runs, beside linear growth."""
    import matplotlib as mpl  # noqa: PLC0415 - see above

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (left, right) = plt.subplots(
        ncols=2, figsize=(9, 4), layout="constrained", facecolor="white", sharey=True
    )
    _draw_growth(left, [(each.streams, each) for each in found if each.concurrent_runs == 1])
    _draw_growth(right, [(each.concurrent_runs, each) for each in found if each.streams == 1])
    left.set_xlabel("parallel streams of one run", color=_INK, fontsize=11)
    right.set_xlabel("concurrent runs, of one stream each", color=_INK, fontsize=11)
    left.set_title(
        "Throughput by connections to one durable queue",
        loc="left",
        color=_INK,
        fontsize=12,
        weight="bold",
    )
    left.set_ylabel("times that of one", color=_INK, fontsize=11)
    left.legend(frameon=False, fontsize=10, labelcolor=_INK, loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)
    plt.close(figure)


def draw_archive(found: Sequence[Queried], path: Path) -> None:
    """Draw the bytes that each saved query scans after compaction, relative to before."""
    import matplotlib as mpl  # noqa: PLC0415 - see above

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    shown = sorted((each.bytes_after / each.bytes_before, each.title) for each in found)
    ratios = [ratio for ratio, _ in shown]
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained", facecolor="white")
    bars = axes.barh(
        [title for _, title in shown],
        ratios,
        color=[_MORE if ratio > 1 else _BAR for ratio in ratios],
        height=0.6,
    )
    axes.bar_label(bars, fmt="{:.0%}", padding=5, color=_INK, fontsize=10)
    axes.axvline(1, color=_FAINT, linewidth=1)
    axes.set_xlim(0, max(ratios) * 1.1)
    axes.invert_yaxis()
    axes.set_title(
        "Bytes scanned after compaction, relative to before (the line)",
        loc="left",
        color=_INK,
        fontsize=12,
        weight="bold",
    )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=10, labelcolor=_INK)
    axes.set_xticks([])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)
    plt.close(figure)


def _draw_growth(axes: Axes, found: Sequence[tuple[int, Scaled]]) -> None:
    """Draw a line for each set of latencies, over the number of streams or runs."""
    numbers = sorted({number for number, _ in found})
    axes.plot(numbers, numbers, color=_FAINT, linestyle="--", linewidth=1, label="ideal")
    # In the order of the results: the services' own latencies are the first.
    lines = zip(_LINES, dict.fromkeys(each.latencies for _, each in found), strict=True)
    for (colour, points_up), latencies in lines:
        line = [(number, each.growth) for number, each in found if each.latencies == latencies]
        label = f"S3, SQS, ack take {latencies}"
        axes.plot(*zip(*line, strict=True), color=colour, marker="o", label=label)
        for number, growth in line[1:]:
            axes.annotate(
                f"{growth:.1f}",
                (number, growth),
                xytext=(0, points_up),
                textcoords="offset points",
                ha="center",
                color=colour,
                fontsize=10,
            )
    axes.set_xticks(numbers)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=_GRID)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=11, labelcolor=_INK)
