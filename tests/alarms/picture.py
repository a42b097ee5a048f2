"""Draws the dashboard of the template from metrics that real runs emitted: ``make dashboard``.

CloudWatch draws it in its own way; here is what it shows, at the places where it does. The metrics
are those of three hours of a stack that drains two streams, with servers that fail as in ``story``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt

from simulator.aws import PROJECT_FOLDER
from simulator.event_server import without_payload
from tests.alarms.alarm import Alarm, State
from tests.alarms.dashboard import dashboard_widgets, lines
from tests.alarms.outages import client_refused
from tests.alarms.recording import record
from tests.alarms.stack_alarms import alarm_definitions
from tests.alarms.timeline import INTERVAL, MINUTE, RealRun, Timeline
from tests.faults.cloud import Cloud
from tests.faults.http_proxy import PutObjectFault
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE: Final = PROJECT_FOLDER / "docs" / "dashboard.png"
STREAMS: Final = ("handset_change", "country_change")
TICKS: Final = 36
UNTIL: Final = TICKS * INTERVAL
_HOURS: Final = UNTIL // (60 * MINUTE)
_COLUMNS: Final = 24
_BOXES_A_ROW: Final = 8
_INK: Final = "#24292f"
_COLOURS: Final = ("#0969da", "#bc4c00", "#8250df", "#1a7f37", "#bf8700", "#cf222e")
_FILL: Final = {State.OK: "#dafbe1", State.ALARM: "#cf222e", State.INSUFFICIENT_DATA: "#eaeef2"}


def story(cloud: Cloud) -> Timeline:
    """Record the runs, and put each at its place in the three hours.

    Handset changes come in a rush that takes five runs; S3 refuses one run's objects; an event
    can't become a line. At the end the token endpoint refuses the client.
    """
    timeline = Timeline()
    for event_type in STREAMS:
        for tick, run in enumerate(_runs(cloud, event_type)):
            timeline.run(run, tick * INTERVAL + 1.0)
    for tick in range(TICKS):
        timeline.queues(tick * INTERVAL)
    return timeline


def _runs(cloud: Cloud, event_type: str) -> list[RealRun]:
    with Scene(cloud) as scene:
        usual = []
        for number in range(6):
            scene.publish((37 * (number + 2) * (number + 5)) % 240, number, event_type)
            usual.append(record(scene, EVENT_TYPES=event_type))
        runs = [usual[tick % len(usual)] for tick in range(TICKS)]
        if event_type == STREAMS[0]:
            scene.publish(1900, 50, event_type)
            for tick in range(10, 15):
                runs[tick] = record(scene, EVENT_TYPES=event_type, MAX_EVENTS="400")
            scene.faults.inject(PutObjectFault(status=403, code="AccessDenied"))
            scene.publish(120, 51, event_type)
            runs[20] = record(scene, EVENT_TYPES=event_type)
            scene.faults.clear()
            runs[21] = record(scene, EVENT_TYPES=event_type)
            scene.publish_odd(without_payload)
            runs[24] = record(scene, EVENT_TYPES=event_type)
    with Scene(cloud) as scene:
        runs[33:] = client_refused(scene, EVENT_TYPES=event_type) * 3
    return runs


def draw(timeline: Timeline) -> None:
    """Draw all widgets of a dashboard of the two streams."""
    mpl.use("agg")
    parameters = {"EventTypes": ",".join(STREAMS)}
    widgets = dashboard_widgets(**parameters)
    rows = max(each["y"] + each["height"] for each in widgets)
    figure = plt.figure(figsize=(16, 0.6 * rows), facecolor="white")
    for widget in widgets:
        left, width = widget["x"] / _COLUMNS, widget["width"] / _COLUMNS
        height = widget["height"] / rows
        bottom = 1 - widget["y"] / rows - height
        axes = figure.add_axes((left + 0.024, bottom + 0.025, width - 0.034, height - 0.055))
        title = widget["properties"]["title"]
        axes.set_title(title, loc="left", color=_INK, fontsize=10, weight="bold")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=8, labelcolor=_INK)
        if widget["type"] == "alarm":
            _draw_alarms(axes, timeline, alarm_definitions(**parameters))
        elif widget["properties"]["view"] == "singleValue":
            _draw_numbers(axes, timeline, widget)
        else:
            _draw_graph(axes, timeline, widget)
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)


def _draw_alarms(axes: Axes, timeline: Timeline, definitions: dict[str, dict[str, Any]]) -> None:
    """Draw a box for each alarm, those in ALARM first, as CloudWatch sorts them."""
    states = {
        name: Alarm(definition).evaluate(timeline.metrics, UNTIL)
        for name, definition in definitions.items()
    }
    names = sorted(states, key=lambda name: (states[name] is not State.ALARM, name))
    for index, name in enumerate(names):
        row, column = divmod(index, _BOXES_A_ROW)
        stack, _, own = name.removesuffix("Alarm").partition(".")
        axes.text(
            column + 0.5,
            row + 0.47,
            f"{own}\n{stack.removesuffix('Stream')}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if states[name] is State.ALARM else _INK,
            bbox={"facecolor": _FILL[states[name]], "edgecolor": "none", "pad": 6},
        )
    _bare(axes, _BOXES_A_ROW, -(-len(names) // _BOXES_A_ROW))


def _draw_numbers(axes: Axes, timeline: Timeline, widget: dict[str, Any]) -> None:
    shown = lines(widget, timeline.metrics, until=UNTIL, periods=1, period=UNTIL)
    for index, line in enumerate(shown):
        (value,) = line.values
        text = "none" if value is None else f"{value:,.0f}" if value >= 1 else f"{value:.5f}"
        axes.text(index + 0.5, 0.4, text, ha="center", va="center", fontsize=17, color=_COLOURS[0])
        axes.text(index + 0.5, 0.7, line.label, ha="center", va="center", fontsize=9, color=_INK)
    _bare(axes, len(shown), 1)


def _bare(axes: Axes, columns: int, rows: int) -> None:
    """Number the columns from the left and the rows from the top, without ticks."""
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_graph(axes: Axes, timeline: Timeline, widget: dict[str, Any]) -> None:
    period = widget["properties"]["period"]
    periods = UNTIL // period
    hours = [(index + 0.5) * period / (60 * MINUTE) for index in range(periods)]
    shown = lines(widget, timeline.metrics, until=UNTIL, periods=periods, period=period)
    for colour, line in zip(_COLOURS, shown, strict=False):
        pairs = zip(hours, line.values, strict=True)
        there = [(at, value) for at, value in pairs if value is not None]
        axes.plot(*zip(*there, strict=True), color=colour, marker=".", label=line.label)
    for limit in widget["properties"].get("annotations", {}).get("horizontal", ()):
        axes.axhline(limit["value"], color=_COLOURS[-1], linestyle="--", linewidth=1)
        axes.annotate(limit["label"], (0, limit["value"]), fontsize=7, color=_COLOURS[-1])
    axes.set_xlim(0, _HOURS)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.6)  # room for the legend
    axes.set_xticks(range(_HOURS + 1), [f"{hour} h" for hour in range(_HOURS + 1)])
    axes.legend(loc="upper left", ncols=2, frameon=False, fontsize=7, labelcolor=_INK)


if __name__ == "__main__":
    with Cloud() as running:
        draw(story(running))
    sys.stdout.write(f"{PICTURE.relative_to(PROJECT_FOLDER)}\n")
