"""Each alarm fires on its fault, and none on a healthy day.

The definitions are those of the templates, the metrics those of real runs of the function. The
embedded AWS can't extract metrics from logs and evaluate alarms, so ``alarm``, ``metrics`` and
``timeline`` do that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eventdrain.events import STREAMS
from tests.alarms.alarm import Alarm, State
from tests.alarms.metrics import Metric
from tests.alarms.outages import credentials_awaited, credentials_not_put_in
from tests.alarms.rows import DAY, HOUR, ROWS, STREAM, Row, a_day, firings, name_of, with_fault
from tests.alarms.stack_alarms import alarm_definitions
from tests.alarms.timeline import INTERVAL, MINUTE, Timeline
from tests.packaging.expanded_template import all_templates

if TYPE_CHECKING:
    from tests.alarms.rows import Recorded
    from tests.alarms.timeline import RealRun


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_fires_by_its_fault(row: Row, recorded: Recorded, healthy: list[RealRun]) -> None:
    """An alarm doesn't fire before its fault, and then fires within the minutes in the table."""
    definition = alarm_definitions()[row.alarm]
    timeline = with_fault(row, recorded, healthy)

    assert list(firings(definition, timeline, since=HOUR / 2, until=HOUR)) == []
    fired = next(firings(definition, timeline, since=HOUR, until=2 * HOUR), None)
    assert fired is not None, "it never fires"
    assert fired <= row.minutes


@pytest.mark.parametrize("alarm", sorted(alarm_definitions()))
def test_is_quiet_on_a_healthy_day(alarm: str, healthy: list[RealRun]) -> None:
    """No alarm is in ALARM at any minute of a healthy day."""
    definition = alarm_definitions()[alarm]

    assert list(firings(definition, a_day(healthy), since=HOUR / 2, until=DAY)) == []


def test_stack_without_credentials(recorded: Recorded) -> None:
    """From its first run on, a new stack has no alarm; after a day without credentials it has."""
    timeline = Timeline()
    for at in range(0, DAY + HOUR, INTERVAL):
        outage = credentials_awaited if at < DAY else credentials_not_put_in
        timeline.run(recorded(outage)[0], at + 1.0)

    fired = {}
    for name, definition in alarm_definitions().items():
        assert list(firings(definition, timeline, since=MINUTE, until=DAY)) == []
        fired[name] = next(firings(definition, timeline, since=DAY, until=DAY + HOUR), None)
    assert {name: minute for name, minute in fired.items() if minute is not None} == {
        f"{STREAM}.NotDrainedAlarm": 8,
        "Operations.FunctionErrorsAlarm": 1,
    }


def test_schedule_that_is_switched_on_again_and_starts_nothing(
    healthy: list[RealRun],
) -> None:
    """The alarm is OK while the schedule is off, and ALARM if it is on again without runs."""
    states = []
    timeline = a_day(healthy, HOUR)
    state = State.OK
    for schedule, until in (("ENABLED", HOUR), ("DISABLED", 3 * HOUR), ("ENABLED", 4 * HOUR)):
        definition = alarm_definitions(ScheduleState=schedule)[f"{STREAM}.NotDrainedAlarm"]
        alarm = Alarm(definition, state)  # an update leaves an alarm's state
        state = alarm.evaluate(timeline.metrics, until)
        states.append(state)

    assert states == [State.OK, State.OK, State.ALARM]


def test_every_alarm_has_a_row() -> None:
    """Each alarm of the templates has a row, and each row an alarm."""
    declared = {
        name
        for template in all_templates().values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }

    assert declared == {row.alarm.partition(".")[2] for row in ROWS}


def test_every_stream_has_the_same_alarm() -> None:
    """The alarms of all streams are the same, except for the dimension."""
    definitions = alarm_definitions(EventTypes=",".join(STREAMS))
    of_one = definitions[f"{STREAM}.NotDrainedAlarm"]
    for event_type in STREAMS:
        stack = f"{event_type.title().replace('_', '')}Stream"
        (name,) = (name for name in definitions if name.startswith(f"{stack}."))
        (metric,), (of_first,) = Alarm(definitions[name]).metrics, Alarm(of_one).metrics
        dimensions = dict(of_first.dimensions) | {"event_type": event_type}
        assert metric == Metric.of(of_first.namespace, of_first.name, dimensions)
        differs = {key for key, value in definitions[name].items() if value != of_one[key]}
        assert differs <= {"AlarmDescription", "Dimensions"}


@pytest.mark.parametrize(
    ("alarm", "change"),
    [
        ("Warnings", {"MetricName": "Warning"}),
        ("Warnings", {"Threshold": 2}),
        ("NotAcked", {"Dimensions": [{"Name": "event_type", "Value": "handset_change"}]}),
        ("NotDrained", {"TreatMissingData": "missing"}),
        ("NotDrained", {"Period": 300, "EvaluationPeriods": 2}),
        ("NotAcked", {"Threshold": 100}),
    ],
    ids=str,
)
def test_wrong_definition_does_not_fire_in_time(
    alarm: str, change: dict[str, Any], recorded: Recorded, healthy: list[RealRun]
) -> None:
    """A definition with one wrong value fails the test of its row."""
    row = next(row for row in ROWS if row.alarm.endswith(f".{alarm}Alarm"))
    timeline = with_fault(row, recorded, healthy)
    definition = alarm_definitions()[row.alarm] | change

    fired = next(firings(definition, timeline, since=HOUR, until=2 * HOUR), None)

    assert fired is None or fired > row.minutes


@pytest.mark.parametrize(
    ("alarm", "change"),
    [
        ("Operations.FunctionErrorsAlarm", {"ComparisonOperator": "LessThanThreshold"}),
        ("Operations.NotAckedAlarm", {"TreatMissingData": "breaching"}),
        (f"{STREAM}.NotDrainedAlarm", {"EvaluationPeriods": 2}),
    ],
    ids=str,
)
def test_wrong_definition_is_not_quiet(
    alarm: str, change: dict[str, Any], healthy: list[RealRun]
) -> None:
    """A definition with one wrong value fails the test of the healthy day."""
    definition = alarm_definitions()[alarm] | change

    assert list(firings(definition, a_day(healthy), since=HOUR / 2, until=DAY))
