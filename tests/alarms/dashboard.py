"""The dashboard of the template, and what its widgets show of some metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.alarms.expressions import evaluate, searched
from tests.alarms.metrics import Metric
from tests.alarms.stack_alarms import named
from tests.packaging.expanded_template import ExpandedTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.alarms.expressions import Series
    from tests.alarms.metrics import Metrics

BY_STREAM: Final = "${PROP('Dim.event_type')}"
"""A label that CloudWatch fills in for each metric that a search has found."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a graph, or one number.

    Attributes:
        label: What it is called.
        values: One for each period.
    """

    label: str
    values: Series


def dashboard_widgets(**parameters: str) -> list[dict[str, Any]]:
    """Give the widgets, with made-up names for what only a deployment knows."""
    part = ExpandedTemplate(**parameters).nested["Operations"]
    text = named(part, part.properties("EventsDashboard")["DashboardBody"])
    widgets: list[dict[str, Any]] = json.loads(text)["widgets"]
    return widgets


def looked_at(widget: Mapping[str, Any], known: list[Metric]) -> Iterator[tuple[str, bool]]:
    """Tell each metric or search of a widget, and whether there is such a metric.

    Args:
        widget: Of the dashboard.
        known: The metrics that there are.
    """
    for entry in widget["properties"].get("metrics", ()):
        metric, options = _entry(entry)
        if metric is not None:
            yield f"{metric.namespace} {metric.name}", metric in known
            continue
        searches: list[str] = []

        def note(text: str, _statistic: str, found: list[str] = searches) -> list[Series]:
            found.append(text)
            return [[1.0]]

        evaluate(options["expression"], _Anything(), note)
        for text in searches:
            yield text, any(map(searched(text), known))


def lines(
    widget: Mapping[str, Any], metrics: Metrics, *, until: float, periods: int, period: int
) -> list[Line]:
    """Compute what a widget shows.

    Args:
        widget: Of the dashboard.
        metrics: Of the stack.
        until: When the last period ends.
        periods: How many there are.
        period: Their length in seconds; instead of the widget's, for a number over all the time.
    """

    def statistic(metric: Metric, name: str) -> Series:
        return metrics.statistic(metric, name, period, until=until, periods=periods)

    by_id: dict[str, Series] = {}
    entries = [_entry(entry) for entry in widget["properties"]["metrics"]]
    for metric, options in entries:
        if metric is not None and "id" in options:
            by_id[options["id"]] = statistic(metric, options["stat"])
    shown: list[Line] = []
    # The expressions that others name come after those that name them.
    for metric, options in reversed(entries):
        if metric is not None:
            found = [(options["label"], statistic(metric, options["stat"]))]
        else:
            found = list(_computed(options, by_id, metrics, statistic))
            if "id" in options:
                by_id[options["id"]] = found[0][1]
        if options.get("visible", True):
            shown += [Line(*each) for each in reversed(found)]
    return shown[::-1]


def _computed(
    options: Mapping[str, Any],
    by_id: Mapping[str, Series],
    metrics: Metrics,
    statistic: Any,
) -> Iterator[tuple[str, Series]]:
    found: list[Metric] = []

    def search(text: str, name: str) -> list[Series]:
        found[:] = filter(searched(text), metrics.known())
        return [statistic(metric, name) for metric in found] or [
            statistic(Metric.of("", "", {}), name)
        ]

    value: Any = evaluate(options["expression"], by_id, search)
    if options["label"] != BY_STREAM:
        yield options["label"], value
        return
    for metric, series in zip(found, value, strict=False):
        yield dict(metric.dimensions)["event_type"], series


def _entry(entry: list[Any]) -> tuple[Metric | None, dict[str, Any]]:
    if len(entry) == 1:
        return None, entry[0]
    namespace, name, *pairs, options = entry
    return Metric.of(namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))), options


class _Anything(dict[str, "Series"]):
    """A value for each id."""

    def __missing__(self, _key: str) -> Series:
        return [1.0]
