"""The alarms' topic and times, and the dashboard's list of alarms."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from drainctl.plan import prices
from eventdrain.events import STREAMS
from tests.alarms.stack_alarms import named
from tests.packaging.expanded_template import ExpandedTemplate, written_template

TOPIC: Final = "arn:aws:sns:eu-north-1:000000000000:made-up"
INTERVAL_SECONDS: Final = 300
"""The longest interval of a schedule that the *NotDrained* alarm supports."""
LONGEST_RUN_SECONDS: Final = 900  # Lambda quotas
ERASURE_SECONDS: Final = 30 * 60


def all_alarms(template: ExpandedTemplate) -> dict[str, dict[str, Any]]:
    """Return every alarm, by its nested stack's logical id and its own."""
    return {
        f"{stack}.{name}": alarm
        for stack, part in template.nested.items()
        for name, alarm in part.of_type("AWS::CloudWatch::Alarm").items()
    }


def dashboard_body(template: ExpandedTemplate) -> dict[str, Any]:
    """Return the dashboard's body, with made-up names for values of a deployment."""
    part = template.nested["Operations"]
    text = named(part, part.properties("EventsDashboard")["DashboardBody"])
    body: dict[str, Any] = json.loads(text)
    return body


# --- Alarms ---


@pytest.mark.parametrize(
    ("given", "topic"), [("", {"Ref": "AlarmTopic"}), (TOPIC, TOPIC)], ids=["made", "given"]
)
def test_every_alarm_notifies_the_topic(given: str, topic: object) -> None:
    """Every alarm notifies the stack's topic, or the one that was given."""
    alarms = all_alarms(ExpandedTemplate(AlarmTopicArn=given, EventTypes=",".join(STREAMS)))

    assert len(alarms) >= 10 + len(STREAMS)
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [topic], name


def test_silence_alarms_for_one_thing_only() -> None:
    """Only the *NotDrained* alarm treats missing data as breaching."""
    for name, alarm in all_alarms(ExpandedTemplate()).items():
        is_for_silence = name.endswith(".NotDrainedAlarm")
        assert alarm["TreatMissingData"] == ("breaching" if is_for_silence else "notBreaching")


def test_silence_is_no_alarm_while_nothing_is_scheduled() -> None:
    """The *NotDrained* alarm is OK while the schedule is off."""
    for state, treatment in (("ENABLED", "breaching"), ("DISABLED", "notBreaching")):
        (stream,) = ExpandedTemplate(ScheduleState=state).streams.values()
        assert stream.properties("NotDrainedAlarm")["TreatMissingData"] == treatment


@pytest.mark.parametrize("state", ["ENABLED", "DISABLED"])
def test_no_alarm_is_muted(state: str) -> None:
    """Actions are always enabled: a change to ALARM without them is never notified."""
    for name, alarm in all_alarms(ExpandedTemplate(ScheduleState=state)).items():
        assert alarm.get("ActionsEnabled", True) is True, name


@pytest.mark.parametrize(
    "window", written_template()["Parameters"]["WindowSeconds"]["AllowedValues"]
)
def test_long_windows_are_no_alarm(window: int) -> None:
    """The alarm waits longer than a window and an interval, the maximum between two runs."""
    (stream,) = ExpandedTemplate(WindowSeconds=str(window)).streams.values()
    alarm = stream.properties("NotDrainedAlarm")
    waits = int(alarm["EvaluationPeriods"]) * alarm["Period"]

    assert waits >= max(600, window + INTERVAL_SECONDS)
    assert waits < ERASURE_SECONDS


def test_behind_alarms_before_the_server_erases() -> None:
    """The alarm's age plus its evaluation time is less than the server's half hour."""
    alarm = ExpandedTemplate().nested["Operations"].properties("BehindAlarm")

    assert int(alarm["Threshold"]) + alarm["EvaluationPeriods"] * alarm["Period"] < ERASURE_SECONDS


def test_what_lambda_reports_late_is_seen() -> None:
    """Lambda reports a run at its end, with the time of its start: the alarm looks back as far."""
    alarm = ExpandedTemplate().nested["Operations"].properties("FunctionErrorsAlarm")

    assert alarm["DatapointsToAlarm"] == 1
    looks_back = (alarm["EvaluationPeriods"] - 1) * alarm["Period"]
    assert looks_back >= LONGEST_RUN_SECONDS


@pytest.mark.parametrize("window", ["20", "240", "840"])
def test_time_out_is_the_functions(window: str) -> None:
    """The dashboard's line for the time-out is the function's."""
    template = ExpandedTemplate(WindowSeconds=window)
    titles = {each["properties"]["title"]: each for each in dashboard_body(template)["widgets"]}
    graph = titles["What does it cost? Longest run, seconds"]["properties"]
    (line,) = graph["annotations"]["horizontal"]

    assert line["value"] == template.properties("DrainEventsFunction")["Timeout"]


# --- The topic ---


def test_topic_takes_alarms_of_this_account_by_tls_only() -> None:
    """CloudWatch may publish, for alarms of this account; nobody may without TLS."""
    template = ExpandedTemplate()
    statements = template.properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"]

    assert [
        (it["Effect"], it["Principal"], it["Action"], it["Condition"]) for it in statements
    ] == [
        (
            "Allow",
            {"Service": "cloudwatch.amazonaws.com"},
            "sns:Publish",
            {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        ),
        ("Deny", "*", "sns:Publish", {"Bool": {"aws:SecureTransport": False}}),
    ]
    assert {json.dumps(it["Resource"]) for it in statements} == {'{"Ref": "AlarmTopic"}'}
    assert template.properties("AlarmTopic")["KmsMasterKeyId"] == {
        "Fn::GetAtt": ["EncryptionKey", "Outputs.KeyArn"]
    }


def test_topic_without_a_key_of_the_account_is_not_encrypted() -> None:
    """CloudWatch can't publish to a topic with AWS's own key, so alarms would be lost."""
    topic = ExpandedTemplate(Encryption="aws-managed").properties("AlarmTopic")

    assert "KmsMasterKeyId" not in topic


@pytest.mark.parametrize("given", ["", TOPIC], ids=["made", "given"])
def test_mail_is_subscribed_to_whichever_topic(given: str) -> None:
    """A given address is subscribed to the topic, given or created."""
    topic = given or {"Ref": "AlarmTopic"}
    template = ExpandedTemplate(AlarmTopicArn=given, AlarmEmail="somebody@example.com")

    assert template.properties("AlarmEmailSubscription") == {
        "Protocol": "email",
        "Endpoint": "somebody@example.com",
        "TopicArn": topic,
    }
    assert ("AlarmTopic" in template.resources) is (given == "")
    assert template.outputs["AlarmTopicArn"]["Value"] == topic
    assert "AlarmEmailSubscription" not in ExpandedTemplate(AlarmTopicArn=given).resources


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [("", True), ("a.b+c@example.com", True), ("a@b@c", False), ("a,b@c", False), ("a b@c", False)],
)
def test_address_is_one(address: str, *, is_allowed: bool) -> None:
    """Anything but a single address is rejected before the deployment."""
    pattern = written_template()["Parameters"]["AlarmEmail"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, address)) is is_allowed


# --- The dashboard ---


@pytest.mark.parametrize(
    "parameters",
    [{}, {"DatabaseName": ""}, {"EventTypes": ",".join(STREAMS)}],
    ids=["defaults", "no catalogue", "all streams"],
)
def test_dashboard_has_every_alarm(parameters: dict[str, str]) -> None:
    """The list of alarms is complete for any set of streams."""
    template = ExpandedTemplate(**parameters)
    part = template.nested["Operations"]
    text = part.properties("EventsDashboard")["DashboardBody"]["Fn::Sub"][0]
    own = set(re.findall(r"\$\{(\w+)\.Arn\}", text))
    others = {name: part.parameters[name] for name in part.parameters if name.endswith("Alarms")}
    listed = {name for name, value in others.items() if value != ""}

    assert own == set(part.of_type("AWS::CloudWatch::Alarm"))
    assert set(re.findall(r"\$\{(\w+Alarms)\}", text)) == set(others)
    nested = {stack for stack in template.nested if stack.endswith("Stream")}
    nested |= {"Compaction"} & template.nested.keys()
    assert listed == {f"{stack.removesuffix('Stream')}Alarms" for stack in nested}
    for stack in nested:
        arns = template.nested[stack].outputs["AlarmArns"]["Value"]["Fn::Sub"]
        alarms = template.nested[stack].of_type("AWS::CloudWatch::Alarm")
        assert json.loads(f"[0{arns}]")[1:] == [f"${{{name}.Arn}}" for name in alarms]


def test_dashboard_is_one_screen() -> None:
    """Widgets fill CloudWatch's 24 columns without gaps or overlaps, and no more than 20 rows."""
    widgets = dashboard_body(ExpandedTemplate())["widgets"]
    cells = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]

    assert len(cells) == len(set(cells))
    rows = max(y for _, y in cells) + 1
    assert set(cells) == {(x, y) for x in range(24) for y in range(rows)}
    assert rows <= 20


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_dashboard_knows_the_price(architecture: str) -> None:
    """The cost of a run is computed with the price of the stack's architecture."""
    template = ExpandedTemplate(Architecture=architecture)
    text = json.dumps(dashboard_body(template))

    assert f"{prices.LAMBDA_GB_SECOND[architecture]:.10f}" in text


def test_dashboard_can_be_left_out() -> None:
    """The dashboard is optional."""
    part = ExpandedTemplate(Dashboard="false").nested["Operations"]

    assert not part.of_type("AWS::CloudWatch::Dashboard")
