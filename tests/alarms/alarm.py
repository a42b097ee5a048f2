"""An alarm as CloudWatch evaluates it, from its definition in a template.

It follows "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data" in
CloudWatch's user guide. An alarm is evaluated every minute, over periods that end in that minute.
If data points are missing, CloudWatch considers more periods (the *evaluation range*), and every
real data point in it counts. In the guide's example an alarm of three periods has a range of five;
the number depends on the period. Here the range always has two more periods.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from tests.alarms.expressions import evaluate
from tests.alarms.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.alarms.expressions import Series
    from tests.alarms.metrics import Metrics

MORE_PERIODS: Final = 2
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_OF_ONE_METRIC: Final = {"Namespace", "MetricName", "Dimensions", "Statistic", "Period"}
_ALL: Final = _OF_ONE_METRIC | {
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "EvaluationPeriods",
    "Metrics",
    "Threshold",
    "TreatMissingData",
}


class State(StrEnum):
    """The state of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(slots=True)
class Alarm:
    """One alarm over some metrics.

    Attributes:
        definition: The resource's properties, without references.
        state: The state after the last evaluation.
    """

    definition: Mapping[str, Any]
    state: State = State.INSUFFICIENT_DATA

    def __post_init__(self) -> None:
        """Reject a definition with properties that would be ignored.

        Raises:
            NotImplementedError: It has properties that this module does not know.
        """
        if unknown := self.definition.keys() - _ALL:
            raise NotImplementedError(f"{sorted(unknown)}")
        if "Metrics" in self.definition and self.definition.keys() & _OF_ONE_METRIC:
            raise NotImplementedError("an alarm with both MetricName and Metrics")

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that it evaluates."""
        if "Metrics" not in self.definition:
            return [_metric(self.definition)]
        return [
            _metric(each["MetricStat"]["Metric"])
            for each in self.definition["Metrics"]
            if "MetricStat" in each
        ]

    def evaluate(self, metrics: Metrics, now: float) -> State:
        """Evaluate the metrics at a whole minute, given in seconds, and return the new state."""
        periods = int(self.definition["EvaluationPeriods"])
        series = self._series(metrics, now, periods + MORE_PERIODS)
        real = [value for value in series if value is not None]
        # If there are enough real data points, the latest count; else missing ones are filled in.
        latest, missing = real[-periods:], max(0, periods - len(real))
        treatment = self.definition.get("TreatMissingData", "missing")
        needed = int(self.definition.get("DatapointsToAlarm", periods))
        breaching = sum(map(self._is_breaching, latest))
        if not real and treatment == "missing":
            self.state = State.INSUFFICIENT_DATA
        elif missing and treatment == "ignore":
            pass
        elif treatment == "missing":
            # With fewer data points, fewer breaching ones suffice.
            self.state = State.ALARM if breaching >= min(needed, len(real)) else State.OK
        else:
            breaching += missing * (treatment == "breaching")
            self.state = State.ALARM if breaching >= needed else State.OK
        return self.state

    def _is_breaching(self, value: float) -> bool:
        compare = _COMPARISONS[self.definition["ComparisonOperator"]]
        return compare(value, float(self.definition["Threshold"]))

    def _series(self, metrics: Metrics, now: float, periods: int) -> Series:
        if "Metrics" not in self.definition:
            return metrics.statistic(
                _metric(self.definition),
                self.definition["Statistic"],
                int(self.definition["Period"]),
                until=now,
                periods=periods,
            )
        known = {
            each["Id"]: metrics.statistic(
                _metric(each["MetricStat"]["Metric"]),
                each["MetricStat"]["Stat"],
                int(each["MetricStat"]["Period"]),
                until=now,
                periods=periods,
            )
            for each in self.definition["Metrics"]
            if "MetricStat" in each
        }
        (returned,) = (each for each in self.definition["Metrics"] if each.get("ReturnData", True))
        return evaluate(returned["Expression"], known)


def _metric(definition: Mapping[str, Any]) -> Metric:
    dimensions = {each["Name"]: each["Value"] for each in definition["Dimensions"]}
    return Metric.of(definition["Namespace"], definition["MetricName"], dimensions)
