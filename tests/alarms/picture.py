"""Draws the dashboard of the template, of metrics that real runs emitted: ``make dashboard``.

CloudWatch draws it in its own way; here is what it shows, at the places where it does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from simulator.aws.embedded_aws import PROJECT_FOLDER
from tests.alarms.alarm import Alarm, State
from tests.alarms.dashboard import dashboard_widgets, lines
from tests.alarms.stack_alarms import alarm_definitions
from tests.alarms.story import STREAMS, UNTIL, tell
from tests.alarms.timeline import INTERVAL, MINUTE
from tests.faults.cloud import Cloud

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.alarms.timeline import Timeline

PICTURE: Final = PROJECT_FOLDER / "docs" / "dashboard.png"
_COLUMNS: Final = 24
_INK: Final = "#24292f"
_FAINT: Final = "#8c959f"
_GRID: Final = "#d8dee4"
_COLOURS: Final = ("#0969da", "#bc4c00", "#8250df", "#1a7f37", "#bf8700", "#cf222e")
_FILL: Final = {State.OK: "#dafbe1", State.ALARM: "#cf222e", State.INSUFFICIENT_DATA: "#eaeef2"}
_BOXES_A_ROW: Final = 8


def draw(timeline: Timeline, path: Path) -> None:
    """Draw all widgets of a dashboard of two streams."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second that only a picture needs

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    parameters = {"EventTypes": ",".join(STREAMS)}
    widgets = dashboard_widgets(**parameters)
    rows = max(each["y"] + each["height"] for each in widgets)
    figure = plt.figure(figsize=(16, 0.6 * rows), facecolor="white")
    for widget in widgets:
        axes = figure.add_axes(_place(widget, rows))
        properties = widget["properties"]
        axes.set_title(properties["title"], loc="left", color=_INK, fontsize=10, weight="bold")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=8, labelcolor=_INK)
        if widget["type"] == "alarm":
            _draw_alarms(axes, timeline, alarm_definitions(**parameters))
        elif properties["view"] == "singleValue":
            _draw_numbers(axes, timeline, widget)
        else:
            _draw_graph(axes, timeline, widget)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _place(widget: dict[str, Any], rows: int) -> tuple[float, float, float, float]:
    """Give a widget's place in the figure: left, bottom, width and height, with room around it."""
    width, height = widget["width"] / _COLUMNS, widget["height"] / rows
    left, top = widget["x"] / _COLUMNS, 1 - widget["y"] / rows
    return left + 0.024, top - height + 0.025, width - 0.034, height - 0.055


def _draw_alarms(axes: Axes, timeline: Timeline, definitions: dict[str, dict[str, Any]]) -> None:
    """Draw a box for each alarm, those that are on first, as CloudWatch sorts them."""
    states = {
        name: Alarm(definition).evaluate(timeline.metrics, UNTIL)
        for name, definition in definitions.items()
    }
    names = sorted(states, key=lambda name: (states[name] is not State.ALARM, name))
    for index, name in enumerate(names):
        row, column = divmod(index, _BOXES_A_ROW)
        state = states[name]
        axes.add_patch(_box(column, row, _FILL[state]))
        stack, _, own = name.removesuffix("Alarm").partition(".")
        colour = "white" if state is State.ALARM else _INK
        text = f"{own}\n{stack.removesuffix('Stream')}"
        axes.text(
            column + 0.5, row + 0.47, text, ha="center", va="center", fontsize=8, color=colour
        )
    axes.set_xlim(0, _BOXES_A_ROW)
    axes.set_ylim((len(names) - 1) // _BOXES_A_ROW + 1, 0)
    axes.set_xticks([])
    axes.set_yticks([])


def _box(column: int, row: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - see above

    return Rectangle((column + 0.02, row + 0.06), 0.96, 0.84, facecolor=colour, edgecolor="none")


def _draw_numbers(axes: Axes, timeline: Timeline, widget: dict[str, Any]) -> None:
    shown = lines(widget, timeline.metrics, until=UNTIL, periods=1, period=UNTIL)
    for index, line in enumerate(shown):
        at = (index + 0.5) / len(shown)
        (value,) = line.values
        text = "none" if value is None else f"{value:,.0f}" if value >= 1 else f"{value:.5f}"
        axes.text(at, 0.62, text, ha="center", va="center", fontsize=17, color=_COLOURS[0])
        axes.text(at, 0.34, line.label, ha="center", va="center", fontsize=9, color=_INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_graph(axes: Axes, timeline: Timeline, widget: dict[str, Any]) -> None:
    period = widget["properties"]["period"]
    periods = UNTIL // period
    hours = [(index + 0.5) * period / (60 * MINUTE) for index in range(periods)]
    shown = lines(widget, timeline.metrics, until=UNTIL, periods=periods, period=period)
    for colour, line in zip(_COLOURS, shown, strict=False):
        there = [
            (at, value) for at, value in zip(hours, line.values, strict=True) if value is not None
        ]
        axes.plot(
            [at for at, _ in there],
            [value for _, value in there],
            color=colour,
            linewidth=1.3,
            marker=".",
            markersize=4,
            label=line.label,
        )
    for limit in widget["properties"].get("annotations", {}).get("horizontal", ()):
        axes.axhline(limit["value"], color=_COLOURS[-1], linestyle="--", linewidth=1)
        axes.annotate(
            limit["label"], (0, limit["value"]), fontsize=7, color=_COLOURS[-1], va="bottom"
        )
    axes.set_xlim(0, UNTIL / (60 * MINUTE))
    axes.set_ylim(bottom=0)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.6)  # room for the legend
    axes.set_xticks(
        range(UNTIL // (60 * MINUTE) + 1),
        [f"{hour} h" for hour in range(UNTIL // (60 * MINUTE) + 1)],
    )
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    axes.legend(loc="upper left", ncols=2, frameon=False, fontsize=7, labelcolor=_INK)


def main() -> None:
    """Record the story's runs, and draw."""
    assert UNTIL % INTERVAL == 0
    with Cloud() as cloud:
        timeline = tell(cloud)
    draw(timeline, PICTURE)
    sys.stdout.write(f"{PICTURE.relative_to(PROJECT_FOLDER)}\n")


if __name__ == "__main__":
    main()
