"""The evaluator itself, held to the examples of CloudWatch's user guide."""

from __future__ import annotations

import json
from typing import Final

import pytest

from tests.alarms.alarm import Alarm, State
from tests.alarms.expressions import Series, evaluate, searched
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
    ("points", "missing", "breaching", "not_breaching"),
    [
        ("0-X-X", OK, OK, OK),
        ("0----", OK, OK, OK),
        ("-----", UNKNOWN, X, OK),
        ("0XX-X", X, X, X),
        ("--X--", X, X, OK),
    ],
)
def test_missing_data(points: str, missing: State, breaching: State, not_breaching: State) -> None:
    """Three of three periods: the guide's table of what fills the gaps, row by row."""
    metrics = Metrics()
    for minute, point in enumerate(points):
        if point != "-":
            metrics.add(METRIC, minute * 60.0, float(point == "X"))

    assert [
        Alarm(DEFINITION | {"TreatMissingData": treatment}).evaluate(metrics, 300)
        for treatment in ("missing", "breaching", "notBreaching")
    ] == [missing, breaching, not_breaching]
    ignoring = Alarm(DEFINITION | {"TreatMissingData": "ignore"}, State.OK)
    assert ignoring.evaluate(metrics, 300) is (OK if points != "0XX-X" else X)


@pytest.mark.parametrize(
    ("points", "missing", "breaching", "not_breaching"),
    [
        ("0-X-X", X, X, X),
        ("00X0X", X, X, X),
        ("0-X--", OK, X, OK),
        ("----0", OK, X, OK),
        ("---X-", X, X, OK),
    ],
)
def test_some_of_several(
    points: str, missing: State, breaching: State, not_breaching: State
) -> None:
    """Two of three periods: the guide's other table."""
    metrics = Metrics()
    for minute, point in enumerate(points):
        if point != "-":
            metrics.add(METRIC, minute * 60.0, float(point == "X"))

    assert [
        Alarm(DEFINITION | {"DatapointsToAlarm": 2, "TreatMissingData": treatment}).evaluate(
            metrics, 300
        )
        for treatment in ("missing", "breaching", "notBreaching")
    ] == [missing, breaching, not_breaching]


def test_dimensions_are_matched_exactly() -> None:
    """A metric with one dimension more or less is another metric."""
    metrics = Metrics()
    metrics.add(Metric.of("MadeUp", "Size", {"of": "it", "by": "me"}), 0.0, 1.0)
    metrics.add(Metric.of("MadeUp", "Size", {}), 0.0, 1.0)

    assert metrics.statistic(METRIC, "Sum", 60, until=60, periods=1) == [None]


def test_data_that_are_told_late() -> None:
    """What a service tells later than it was is not there before."""
    metrics = Metrics()
    metrics.add(METRIC, 10.0, 1.0, known_from=100.0)

    assert metrics.statistic(METRIC, "Sum", 60, until=60, periods=1) == [None]
    assert metrics.statistic(METRIC, "Sum", 60, until=120, periods=2) == [1.0, None]


def test_line_of_the_embedded_format() -> None:
    """Each dimension set makes a metric; values are one or many; what has no value is none."""
    line = {
        "_aws": {
            "Timestamp": 1,
            "CloudWatchMetrics": [
                {
                    "Namespace": "MadeUp",
                    "Dimensions": [["of"], ["of", "by"], ["absent"]],
                    "Metrics": [{"Name": "Size"}, {"Name": "Absent"}],
                }
            ],
        },
        "of": "it",
        "by": "me",
        "Size": [1, 2.5],
    }

    assert list(of_line(json.dumps(line))) == [
        (METRIC, [1.0, 2.5]),
        (Metric.of("MadeUp", "Size", {"of": "it", "by": "me"}), [1.0, 2.5]),
    ]
    assert list(of_line("START RequestId: made-up")) == []
    assert list(of_line('{"message": "made up"}')) == []


@pytest.mark.parametrize("broken", [{"Timestamp": "now"}, {"Timestamp": 1, "Size": ["1"]}])
def test_line_that_breaks_the_format_is_told(broken: dict[str, object]) -> None:
    """CloudWatch would drop such a line silently: here it fails the test."""
    directive = {"Namespace": "MadeUp", "Dimensions": [[]], "Metrics": [{"Name": "Size"}]}
    line = {
        "_aws": {"Timestamp": broken["Timestamp"], "CloudWatchMetrics": [directive]},
        "Size": broken.get("Size", 1),
    }

    with pytest.raises(ValueError, match="number"):
        list(of_line(json.dumps(line)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + 2 * b", [21.0, None, 6.0]),
        ("a / b", [0.1, None, None]),
        ("IF(a >= 2, b, 0)", [0.0, None, 0.0]),
        ("IF(a >= 1, b, 0)", [10.0, None, 0.0]),
        ("SUM(SEARCH('{MadeUp}', 'Sum'))", [11.0, 4.0, 6.0]),
    ],
)
def test_expressions(expression: str, expected: Series) -> None:
    """Where a value is missing there is none, and none where by zero is divided."""
    a: Series = [1.0, 4.0, 6.0]
    b: Series = [10.0, None, 0.0]

    assert evaluate(expression, {"a": a, "b": b}, lambda _text, _statistic: [a, b]) == expected


@pytest.mark.parametrize("expression", ["FILL(a, 0)", "a ** 2", "METRICS()", "SUM(a)", "-a"])
def test_unknown_expression_is_refused(expression: str) -> None:
    """What is not known is not guessed."""
    with pytest.raises(NotImplementedError):
        evaluate(expression, {"a": [1.0]}, lambda _text, _statistic: [])


def test_unknown_property_is_refused() -> None:
    """A property of an alarm that would be overlooked is told."""
    with pytest.raises(NotImplementedError, match="ThresholdMetricId"):
        Alarm(DEFINITION | {"ThresholdMetricId": "MadeUp"})


def test_search_wants_the_very_dimensions() -> None:
    """A search finds the metrics that have its dimensions, no more and no less, and its terms."""
    finds = searched('{MadeUp,of} MetricName="Size" of="it"')

    assert finds(METRIC)
    assert not finds(Metric.of("MadeUp", "Length", {"of": "it"}))
    assert not finds(Metric.of("MadeUp", "Size", {"of": "that"}))
    assert not finds(Metric.of("MadeUp", "Size", {"of": "it", "by": "me"}))
    with pytest.raises(NotImplementedError):
        searched('{MadeUp,of} NOT MetricName="Size"')
