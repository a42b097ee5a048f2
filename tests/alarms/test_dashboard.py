"""The dashboard shows metrics that runs emit."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.alarms import outages
from tests.alarms.metrics import Metric
from tests.alarms.stack_alarms import named
from tests.alarms.timeline import INTERVAL, Timeline
from tests.packaging.expanded_template import ExpandedTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.alarms.rows import Recorded
    from tests.alarms.timeline import RealRun

_OUTAGES = (
    outages.client_refused,
    outages.token_not_cached,
    outages.short_lived_token,
    outages.more_than_the_limit,
    outages.others_can_not_be_started,
    outages.old_events,
    outages.no_payload,
    outages.archive_unavailable,
    outages.queue_unavailable,
    outages.acks_not_confirmed,
    outages.acks_forgotten,
)
_SEARCH = re.compile(r"""SEARCH\('\{([\w/]+),([^}]+)\} MetricName="(\w+)"([^']*)'""")


def graphs() -> list[dict[str, Any]]:
    """Return the dashboard's graphs, with made-up names for values of a deployment."""
    part = ExpandedTemplate().nested["Operations"]
    text = named(part, part.properties("EventsDashboard")["DashboardBody"])
    return [each for each in json.loads(text)["widgets"] if each["type"] == "metric"]


def shown(widget: dict[str, Any], known: list[Metric]) -> Iterator[tuple[str, bool]]:
    """Yield each metric or search of a graph, and whether it finds a metric."""
    for entry in widget["properties"]["metrics"]:
        if len(entry) == 1:
            expression = entry[0]["expression"]
            searches = _SEARCH.findall(expression)
            assert len(searches) == expression.count("SEARCH(")
            for namespace, dimensions, name, terms in searches:
                names = {each.strip('"') for each in dimensions.split(",")}
                pairs = set(re.findall(r'(\w+)="([^"]+)"', terms))
                yield (
                    name,
                    any(
                        (metric.namespace, metric.name) == (namespace, name)
                        and {each for each, _ in metric.dimensions} == names
                        and pairs <= metric.dimensions
                        for metric in known
                    ),
                )
        else:
            namespace, name, *pairs_, _ = entry
            dimensions_ = dict(zip(pairs_[::2], pairs_[1::2], strict=True))
            yield name, Metric.of(namespace, name, dimensions_) in known


@pytest.mark.parametrize("widget", graphs(), ids=lambda each: str(each["properties"]["title"]))
def test_every_metric_is_emitted(
    widget: dict[str, Any], healthy: list[RealRun], recorded: Recorded
) -> None:
    """Every metric in a graph is emitted, with the same name and dimensions."""
    timeline = Timeline()
    runs = [*healthy, *(run for outage in _OUTAGES for run in recorded(outage))]
    for number, run in enumerate(runs):
        timeline.run(run, number * INTERVAL)
    timeline.queues(0.0)

    assert [
        name for name, is_there in shown(widget, timeline.metrics.known()) if not is_there
    ] == []
