"""What the dashboard shows is what runs emit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.alarms import outages
from tests.alarms.dashboard import dashboard_widgets, lines, looked_at
from tests.alarms.timeline import INTERVAL, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.alarms.timeline import RealRun
    from tests.faults.scene import Scene

_GRAPHS = [widget for widget in dashboard_widgets() if widget["type"] == "metric"]
_OUTAGES = (
    outages.client_refused,
    outages.token_not_kept,
    outages.short_lived_token,
    outages.more_than_the_limit,
    outages.others_can_not_be_started,
)


def _title(widget: dict[str, Any]) -> str:
    return str(widget["properties"]["title"])


@pytest.mark.parametrize("widget", _GRAPHS, ids=_title)
def test_every_metric_is_emitted(
    widget: dict[str, Any],
    healthy: list[RealRun],
    recorded: Callable[[Callable[[Scene], Sequence[RealRun]]], Sequence[RealRun]],
) -> None:
    """No widget has a metric that no run emits, be it by a slip in its name or its dimensions."""
    timeline = Timeline()
    runs = [*healthy, *(run for outage in _OUTAGES for run in recorded(outage))]
    for number, run in enumerate(runs):
        timeline.run(run, number * INTERVAL)
    timeline.queues(0.0)

    seen = dict(looked_at(widget, timeline.metrics.known()))

    assert seen
    assert [name for name, is_there in seen.items() if not is_there] == []


def test_cost_is_reckoned(healthy: list[RealRun]) -> None:
    """The numbers are those of the runs: seconds by memory, starts, objects, events."""
    (widget,) = [each for each in _GRAPHS if each["properties"]["view"] == "singleValue"]
    timeline = Timeline()
    for number, run in enumerate(healthy):
        timeline.run(run, number * INTERVAL)
    day = 24 * 3600

    shown = {
        line.label: line.values
        for line in lines(widget, timeline.metrics, until=day, periods=1, period=day)
    }

    gb_seconds = sum(run.seconds for run in healthy) * 512 / 1024
    (dollars,) = shown.pop("about $, us-east-1")
    assert shown == {
        "Lambda GB-seconds": [pytest.approx(gb_seconds)],
        "runs": [len(healthy)],
        "S3 PUTs": [pytest.approx(5, abs=3)],
        "events": [40 + 3 + 250],
    }
    (puts,) = shown["S3 PUTs"]
    assert puts is not None
    assert dollars == pytest.approx(
        gb_seconds * 0.0000133334 + len(healthy) * 0.2e-6 + puts * 5e-6 + 29.3 * 0.4e-6
    )
