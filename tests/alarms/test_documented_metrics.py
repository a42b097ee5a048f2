"""docs/formats.md lists exactly the metrics that runs emit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from simulator.aws import PROJECT_FOLDER
from tests.alarms import outages
from tests.alarms.metrics import Metrics
from tests.alarms.rows import ROWS

if TYPE_CHECKING:
    from tests.alarms.rows import Recorded
    from tests.alarms.timeline import RealRun

_HEAD: Final = "| Metric | Dimensions | Emitted |\n|---|---|---|\n"
_OUTAGES: Final = (
    *(row.outage for row in ROWS if row.outage is not None),
    outages.credentials_awaited,
    outages.others_can_not_be_started,
    outages.short_lived_token,
)


def documented() -> set[tuple[str, frozenset[str]]]:
    """Return the names in the table, with the names of their dimensions."""
    table = (
        (PROJECT_FOLDER / "docs/formats.md").read_text().partition(_HEAD)[2].partition("\n\n")[0]
    )
    found = set()
    for row in table.splitlines():
        names, cell, _ = row.strip("|").split("|")
        for dimensions in cell.split(" and "):
            of_metric = frozenset(re.findall(r"`(\w+)`", dimensions))
            found |= {(name, of_metric) for name in re.findall(r"`(\w+)`", names)}
    return found


@pytest.mark.timeout(600)  # it may have to record all runs
def test_metrics_are_those_of_the_table(healthy: list[RealRun], recorded: Recorded) -> None:
    """The table has every metric that runs emit, with its dimensions, and no others."""
    metrics = Metrics()
    for run in (*healthy, *(run for outage in _OUTAGES for run in recorded(outage))):
        metrics.add_lines(run.lines, 0.0)
    emitted = {
        (metric.name, frozenset(name for name, _ in metric.dimensions))
        for metric in metrics.known()
        if metric.namespace == "EventDrain"
    }

    assert emitted == documented()
