"""The evaluator returns the results of the examples in CloudWatch's user guide."""

from __future__ import annotations

import json
from typing import Final

import pytest

from tests.alarms.alarm import Alarm, State
from tests.alarms.expressions import Series, evaluate
from tests.alarms.metrics import Metric, Metrics, of_line

METRIC: Final = Metric.of("MadeUp", "Size", {"of": "it"})
DEFINITION: Final = {
    "Namespace": "MadeUp",
    "MetricName": "Size",
    "Dimensions": [{"Name": "of", "Value": "it"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 1,
}
X: Final = State.ALARM
OK: Final = State.OK
UNKNOWN: Final = State.INSUFFICIENT_DATA


@pytest.mark.parametrize(
    ("needed", "points", "missing", "breaching", "not_breaching"),
    [
        (3, "0-X-X", OK, OK, OK),
        (3, "0----", OK, OK, OK),
        (3, "-----", UNKNOWN, X, OK),
        (3, "0XX-X", X, X, X),
        (3, "--X--", X, X, OK),
        (2, "0-X-X", X, X, X),
        (2, "00X0X", X, X, X),
        (2, "0-X--", OK, X, OK),
        (2, "----0", OK, X, OK),
        (2, "---X-", X, X, OK),
    ],
)
def test_missing_data(
    needed: int, points: str, missing: State, breaching: State, not_breaching: State
) -> None:
    """The guide's two tables on missing data, row by row: two or three of three periods."""
    metrics = Metrics()
    for minute, point in enumerate(points):
        if point != "-":
            metrics.add(METRIC, minute * 60.0, float(point == "X"))
    definition = DEFINITION | {"DatapointsToAlarm": needed}

    assert [
        Alarm(definition | {"TreatMissingData": treatment}).evaluate(metrics, 300)
        for treatment in ("missing", "breaching", "notBreaching")
    ] == [missing, breaching, not_breaching]


def test_metrics_are_matched_exactly_and_reported_late() -> None:
    """Other dimensions make another metric; a value doesn't count before it is reported."""
    metrics = Metrics()
    metrics.add(Metric.of("MadeUp", "Size", {"of": "it", "by": "me"}), 0.0, 1.0)
    metrics.add(METRIC, 10.0, 1.0, known_from=100.0)

    assert metrics.statistic(METRIC, "Sum", 60, until=60, periods=1) == [None]
    assert metrics.statistic(METRIC, "Sum", 60, until=120, periods=2) == [1.0, None]


def test_line_of_the_embedded_format() -> None:
    """Each dimension set makes a metric with one or more values; one without is skipped."""
    directive = {
        "Namespace": "MadeUp",
        "Dimensions": [["of"], ["of", "by"], ["absent"]],
        "Metrics": [{"Name": "Size"}, {"Name": "Absent"}],
    }
    aws = {"Timestamp": 1, "CloudWatchMetrics": [directive]}
    line = {"_aws": aws, "of": "it", "by": "me", "Size": [1, 2.5]}

    assert list(of_line(json.dumps(line))) == [
        (METRIC, [1.0, 2.5]),
        (Metric.of("MadeUp", "Size", {"of": "it", "by": "me"}), [1.0, 2.5]),
    ]
    assert list(of_line("START RequestId: made-up")) == []
    for broken in ({"_aws": aws | {"Timestamp": "now"}}, {"Size": ["1"]}):
        with pytest.raises(ValueError, match="number"):  # CloudWatch drops such a line silently
            list(of_line(json.dumps(line | broken)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + 2 * b", [21.0, None, 6.0]),
        ("a / b", [0.1, None, None]),
        ("IF(a >= 2, b, 0)", [0.0, None, 0.0]),
        ("FILL(a, 0)", None),
    ],
)
def test_expressions(expression: str, expected: Series | None) -> None:
    """A missing value or a division by zero has no result; unknown syntax is rejected."""
    series: dict[str, Series] = {"a": [1.0, 4.0, 6.0], "b": [10.0, None, 0.0]}
    if expected is None:
        with pytest.raises(NotImplementedError):
            evaluate(expression, series)
    else:
        assert evaluate(expression, series) == expected
