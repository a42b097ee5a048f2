"""Metrics as CloudWatch keeps them: data points by namespace, name and dimensions, in periods.

It follows "CloudWatch concepts" in CloudWatch's user guide; :func:`of_line` follows "Specification:
Embedded metric format".
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MOST_VALUES: Final = 100
"""Maximum of values for one metric in one line."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The identity of a metric: other dimensions make another metric.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        dimensions: Pairs of name and value.
    """

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        """Create a metric from a mapping of dimensions."""
        return cls(namespace, name, frozenset(dimensions.items()))


@dataclass(frozen=True, slots=True)
class _Point:
    at: float
    known_from: float
    value: float


@dataclass(slots=True)
class Metrics:
    """The data points of metrics. Times are seconds of a simulated clock, from 0 on."""

    _points: dict[Metric, list[_Point]] = field(default_factory=lambda: defaultdict(list))

    def add(
        self, metric: Metric, at: float, *values: float, known_from: float | None = None
    ) -> None:
        """Add data points.

        Args:
            metric: The metric.
            at: Their time.
            values: One data point each.
            known_from: When they are reported, if that is later.
        """
        told_at = at if known_from is None else known_from
        self._points[metric] += [_Point(at, told_at, value) for value in values]

    def add_lines(self, lines: Iterable[str], at: float) -> None:
        """Add the metrics in lines of a log, with a simulated time.

        The time replaces that in the lines, which is when they were recorded. Lines that are not in
        the embedded metric format are ignored.
        """
        for line in lines:
            for metric, values in of_line(line):
                self.add(metric, at, *values)

    def known(self) -> list[Metric]:
        """Return every metric that has a data point."""
        return list(self._points)

    def statistic(
        self, metric: Metric, statistic: str, period: int, *, until: float, periods: int
    ) -> list[float | None]:
        """Aggregate consecutive periods, oldest first.

        Args:
            metric: Matched exactly.
            statistic: ``Sum``, ``Maximum``, ``Minimum``, ``Average`` or ``SampleCount``.
            period: In seconds.
            until: The end of the last period, and the current time: later reports don't count.
            periods: The number of periods.

        Returns:
            A value for each period; None for one without data points.
        """
        start = until - periods * period
        buckets: list[list[float]] = [[] for _ in range(periods)]
        for point in self._points.get(metric, ()):
            if start <= point.at < until and point.known_from <= until:
                buckets[int((point.at - start) // period)].append(point.value)
        return [_aggregated(bucket, statistic) for bucket in buckets]


def of_line(line: str) -> Iterator[tuple[Metric, list[float]]]:
    """Read the metrics of one line of a log in the embedded metric format.

    As specified, a metric without a value is skipped, and so is a dimension set that lacks a value.

    Raises:
        ValueError: The line is in the format, but malformed.
    """
    try:
        content = json.loads(line)
    except ValueError:
        return
    if not isinstance(content, dict) or "_aws" not in content:
        return
    metadata = content["_aws"]
    if not isinstance(metadata.get("Timestamp"), int):
        raise ValueError("_aws.Timestamp must be a whole number of milliseconds")  # noqa: TRY004
    for directive in metadata["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            if not all(isinstance(content.get(name), str) for name in names):
                continue
            dimensions = {name: content[name] for name in names}
            for definition in directive["Metrics"]:
                if definition["Name"] in content:
                    metric = Metric.of(directive["Namespace"], definition["Name"], dimensions)
                    yield metric, _values(content[definition["Name"]])


def _values(value: Any) -> list[float]:
    values = value if isinstance(value, list) else [value]
    if len(values) > _MOST_VALUES or not all(isinstance(each, int | float) for each in values):
        raise ValueError("a metric's value must be a number, or a list of up to 100 numbers")
    return [float(each) for each in values]


def _aggregated(values: list[float], statistic: str) -> float | None:
    if not values:
        return None
    match statistic:
        case "Sum":
            return sum(values)
        case "Maximum":
            return max(values)
        case "Minimum":
            return min(values)
        case "Average":
            return sum(values) / len(values)
        case "SampleCount":
            return float(len(values))
    raise NotImplementedError(statistic)
