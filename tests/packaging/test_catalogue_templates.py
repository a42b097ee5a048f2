"""The catalogue's templates, where emulators can't test them: permissions and limits."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from drainctl.catalogue import CANDIDATES
from eventdrain.events import STREAMS
from tests.packaging.expanded_template import ExpandedTemplate, ResolvedTemplate
from tests.packaging.policy_documents import as_list

VARIANTS: Final = [
    pytest.param({}, id="defaults"),
    pytest.param({"Tracing": "Active", "LinesRetentionDays": "90"}, id="all options"),
]
GLUE: Final = "arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:"


def nested(name: str, **parameters: str) -> ResolvedTemplate:
    """Return a nested template of the stack with some parameters."""
    return ExpandedTemplate(**parameters).nested[name]


# --- The catalogue ---


@pytest.mark.parametrize(
    ("stack", "name"), [("Catalogue", "WorkGroup"), ("Compaction", "CompactionWorkGroup")]
)
def test_workgroup_decides_where_answers_go(stack: str, name: str) -> None:
    """The workgroup enforces the location and encryption of answers, and the engine version."""
    configuration = nested(stack).properties(name)["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}


def test_people_s_queries_have_a_limit() -> None:
    """A query of the users' workgroup is stopped at the limit, by default 100 GB."""
    template = nested("Catalogue")
    limit = template.properties("WorkGroup")["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"]
    assert limit == {"Fn::Sub": "${ScanLimitMegabytes}000000"}
    assert template.parameters["ScanLimitMegabytes"] == "100000"


def test_no_catalogue_if_not_asked_for() -> None:
    """Without a database there is no catalogue, and no schedule that compacts."""
    template = ExpandedTemplate(DatabaseName="")
    assert template.nested.keys().isdisjoint({"Catalogue", "Compaction"})
    assert not {"DatabaseName", "WorkGroupName"} & template.outputs.keys()
    for stream in template.streams.values():
        assert "CompactionStart" not in stream.resources


# --- The compaction ---


@pytest.mark.parametrize("parameters", VARIANTS)
def test_rights_of_the_compaction(parameters: dict[str, str]) -> None:
    """It may use its tables and prefixes, and delete lines only if they have a retention."""
    statements = nested("Compaction", **parameters).statements("CompactionRole")
    tables = {
        f"{GLUE}table/${{DatabaseName}}/{name}"
        for event_type in STREAMS
        for name in (event_type, f"{event_type}_lines", f"{event_type}_compacted")
    }
    granted = {each["Fn::Sub"] for each in statements["UseTables"]["Resource"]}
    assert granted == tables | {
        f"{GLUE}catalog",
        f"{GLUE}database/${{DatabaseName}}",
        f"{GLUE}table/${{DatabaseName}}/{CANDIDATES}",
    }
    assert not [it for it in statements["UseTables"]["Action"] if it.startswith("glue:Delete")]
    deleting = {
        json.dumps(statement["Resource"])
        for statement in statements.values()
        if "s3:DeleteObject" in as_list(statement["Action"])
    }
    prefixes = {match for each in deleting for match in re.findall(r"/\$\{(\w+)\}/\*", each)}
    assert prefixes == {"TablesPrefix"} | ({"ArchivePrefix"} if parameters else set())
    assert ("StartDeletions" in statements) == bool(parameters)


def test_traces_of_the_compaction_are_sampled() -> None:
    """With tracing it has the four permissions in "X-Ray IAM policies" of Step Functions' guide."""
    statements = nested("Compaction", Tracing="Active").statements("CompactionRole")
    assert set(statements["SendTraces"]["Action"]) == {
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    assert "SendTraces" not in nested("Compaction").statements("CompactionRole")


def test_schedule_names_its_stream() -> None:
    """Each stream's schedule compacts that stream, daily; a start that fails is recorded."""
    template = ExpandedTemplate(EventTypes=",".join(STREAMS))
    assert set(template.streams) == set(STREAMS)
    for event_type, stream in template.streams.items():
        schedule = stream.properties("CompactionStart")
        target = schedule["Target"]
        assert json.loads(target["Input"]["Fn::Sub"].replace("${EventType}", event_type)) == {
            "event_type": event_type
        }
        assert target["DeadLetterConfig"]
        assert target["RetryPolicy"]
        assert stream.parameters["CompactionSchedule"] == "cron(30 1 * * ? *)"


def test_failed_compaction_alarms() -> None:
    """The topic is notified of an execution that fails, as when counts differ, or times out."""
    topic = "arn:aws:sns:eu-north-1:000000000000:alarms"
    alarms = nested("Compaction", AlarmTopicArn=topic).of_type("AWS::CloudWatch::Alarm")
    assert {alarm["MetricName"] for alarm in alarms.values()} == {
        "ExecutionsFailed",
        "ExecutionsTimedOut",
    }
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [topic]
        assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": "Compaction"}}]
