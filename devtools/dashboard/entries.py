"""The parts of widgets: graphs, metrics and searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PERIOD_SECONDS: Final = 300
"""The period of every graph: the schedule's interval."""
NAMESPACE: Final = "EventDrain"
_BY_STREAM: Final = "${!PROP('Dim.event_type')}"
"""A label that CloudWatch replaces. The exclamation mark escapes it for CloudFormation."""

Widget = dict[str, Any]
Metric = list[Any]


def graph(title: str, metrics: list[Metric], lines: Sequence[tuple[str, object]] = ()) -> Widget:
    """Return a graph over time; ``lines`` are horizontal limits with their labels."""
    properties: dict[str, Any] = {
        "title": title,
        "view": "timeSeries",
        "region": "${AWS::Region}",
        "stat": "Sum",
        "period": PERIOD_SECONDS,
        "yAxis": {"left": {"min": 0, "showUnits": False}},
        "metrics": metrics,
    }
    if lines:
        properties["annotations"] = {
            "horizontal": [{"label": label, "value": value} for label, value in lines]
        }
    return {"type": "metric", "properties": properties}


def _search(name: str, statistic: str) -> str:
    # Names with other characters than letters and digits need quotes.
    found = f'{{{NAMESPACE},"event_type",service}} MetricName="{name}" service="${{ServiceName}}"'
    return f"SEARCH('{found}', '{statistic}')"


def each_stream(name: str, statistic: str) -> Metric:
    """Return one line for each stream that has data."""
    return [{"expression": _search(name, statistic), "label": _BY_STREAM}]


def all_streams(name: str, label: str) -> Metric:
    """Return one line for all streams together."""
    return [{"expression": f"SUM({_search(name, 'Sum')})", "label": label}]


def of_lambda(name: str, statistic: str, label: str, **more: object) -> Metric:
    """Return a line for a metric of Lambda."""
    options = {"stat": statistic, "label": label, **more}
    return ["AWS/Lambda", name, "FunctionName", "${FunctionName}", options]


def of_stack(name: str, label: str) -> Metric:
    """Return a line for a metric of the whole stack."""
    return [NAMESPACE, name, "service", "${ServiceName}", {"stat": "Sum", "label": label}]
