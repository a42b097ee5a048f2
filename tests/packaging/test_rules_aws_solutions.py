"""The rules of cdk-nag's pack AwsSolutions that apply here, over every resource of every template.

Each test is named by its rule and says what it asks for; cdk-nag's RULES.md has the reasons. A
resource that must break one says why in its `Metadata.cdk_nag.rules_to_suppress`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.packaging.deployed_resources import Deployed, Form, breaking, each, judge
from tests.packaging.resource_schemas import newest_python

if TYPE_CHECKING:
    from collections.abc import Iterator


# --- S3 ---


@each("AWS::S3::Bucket")
def test_aws_solutions_s1_access_logs(it: Deployed) -> None:
    """AwsSolutions-S1: a bucket has its accesses logged, where the parameter asks for it."""
    asked = [form for form in it.forms if form.stack.parameters["AccessLogs"] == "true"]
    findings = [
        (form, "it has no LoggingConfiguration")
        for form in asked
        if "LoggingConfiguration" not in form.properties
    ]
    assert asked
    judge(it, "AwsSolutions-S1", findings, "Log to AccessLogBucket when AccessLogs is true.")


@each("AWS::S3::Bucket")
def test_aws_solutions_s2_public_access(it: Deployed) -> None:
    """AwsSolutions-S2: a bucket blocks public access in all four ways."""

    def is_blocked(form: Form) -> bool:
        block: dict[str, Any] = form.properties.get("PublicAccessBlockConfiguration", {})
        return len(block) == 4 and set(block.values()) == {True}

    findings = breaking(it, keeps=is_blocked, what="PublicAccessBlockConfiguration is not complete")
    judge(it, "AwsSolutions-S2", findings, "Set all its four properties to true.")


@each("AWS::S3::Bucket")
def test_aws_solutions_s10_tls(it: Deployed) -> None:
    """AwsSolutions-S10: a bucket refuses requests without TLS, to itself and to its objects."""

    def refuses(form: Form) -> bool:
        resources = [
            json.dumps(resource)
            for policy in policies_of(form, "AWS::S3::BucketPolicy", "Bucket", it.name)
            for statement in failures_without_tls(policy, "s3:*")
            for resource in statement["Resource"]
        ]
        return len(resources) == 2 and any("/*" in resource for resource in resources)

    findings = breaking(it, keeps=refuses, what="no policy denies s3:* without TLS")
    judge(
        it, "AwsSolutions-S10", findings, "Add the statement TlsOnly in an AWS::S3::BucketPolicy."
    )


def policies_of(form: Form, kind: str, member: str, name: str) -> Iterator[dict[str, Any]]:
    """The documents of the policies of a type that are for a resource of the same template."""
    for properties in form.template.of_type(kind).values():
        named = properties[member]
        if {"Ref": name} in (named if isinstance(named, list) else [named]):
            yield properties["PolicyDocument"]


def failures_without_tls(policy: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """The statements of a policy that deny everybody an action without TLS."""
    return [
        statement
        for statement in policy["Statement"]
        if (statement["Effect"], statement["Principal"], statement["Action"])
        == ("Deny", "*", action)
        and str(statement["Condition"]["Bool"]["aws:SecureTransport"]).lower() == "false"
    ]


# --- SQS and SNS ---


@each("AWS::SQS::Queue")
def test_aws_solutions_sqs2_encrypted(it: Deployed) -> None:
    """AwsSolutions-SQS2: a queue is encrypted, by one key or by SQS's own, not by both."""

    def is_encrypted(form: Form) -> bool:
        by_key = "KmsMasterKeyId" in form.properties
        return by_key != (form.properties.get("SqsManagedSseEnabled") is True)

    findings = breaking(it, keeps=is_encrypted, what="it has not exactly one kind of encryption")
    judge(it, "AwsSolutions-SQS2", findings, "Set KmsMasterKeyId or SqsManagedSseEnabled.")


@each("AWS::SQS::Queue")
def test_aws_solutions_sqs3_dead_letters(it: Deployed) -> None:
    """AwsSolutions-SQS3: a queue has a dead-letter queue, or is one."""

    def has_or_is(form: Form) -> bool:
        return "RedrivePolicy" in form.properties or it.name in dead_letter_queues(form)

    findings = breaking(it, keeps=has_or_is, what="it has no RedrivePolicy, and is nobody's own")
    judge(it, "AwsSolutions-SQS3", findings, "Give it a dead-letter queue.")


def dead_letter_queues(form: Form) -> set[str]:
    """The queues of a form's template that dead letters go to, there or in nested stacks."""
    found: set[str] = set()
    for resource in form.template.resources.values():
        collect_dead_letter_queues(resource.get("Properties", {}), found)
    return found


def collect_dead_letter_queues(value: object, found: set[str]) -> None:
    """Collect what a property for dead letters names, however deep it is."""
    match value:
        case dict():
            for name, inner in value.items():
                match name, inner:
                    case ("DeadLetterConfig", {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}):
                        found.add(queue)
                    case (str(), {"Fn::GetAtt": [queue, "Arn"]}) if is_for_dead_letters(name):
                        found.add(queue)
                    case _:
                        collect_dead_letter_queues(inner, found)
        case list():
            for inner in value:
                collect_dead_letter_queues(inner, found)


def is_for_dead_letters(name: str) -> bool:
    """Whether a property, or a parameter of a nested stack, is named for a dead-letter queue."""
    return name == "deadLetterTargetArn" or name.endswith("DeadLetterQueueArn")


@each("AWS::SQS::Queue")
def test_aws_solutions_sqs4_tls(it: Deployed) -> None:
    """AwsSolutions-SQS4: a queue refuses requests without TLS."""

    def refuses(form: Form) -> bool:
        policies = policies_of(form, "AWS::SQS::QueuePolicy", "Queues", it.name)
        return any(failures_without_tls(policy, "sqs:*") for policy in policies)

    findings = breaking(it, keeps=refuses, what="no policy denies sqs:* without TLS")
    judge(
        it, "AwsSolutions-SQS4", findings, "Add the statement TlsOnly in an AWS::SQS::QueuePolicy."
    )


@each("AWS::SNS::Topic")
def test_aws_solutions_sns3_tls(it: Deployed) -> None:
    """AwsSolutions-SNS3: a topic refuses to be published to without TLS."""

    def refuses(form: Form) -> bool:
        policies = policies_of(form, "AWS::SNS::TopicPolicy", "Topics", it.name)
        return any(failures_without_tls(policy, "sns:Publish") for policy in policies)

    findings = breaking(it, keeps=refuses, what="no policy denies sns:Publish without TLS")
    judge(it, "AwsSolutions-SNS3", findings, "Add such a statement in an AWS::SNS::TopicPolicy.")


# --- Keys and secrets ---


@each("AWS::KMS::Key")
def test_aws_solutions_kms5_rotation(it: Deployed) -> None:
    """AwsSolutions-KMS5: a key is rotated."""
    findings = breaking(
        it, keeps=lambda form: form.properties.get("EnableKeyRotation") is True, what="it isn't"
    )
    judge(it, "AwsSolutions-KMS5", findings, "Set EnableKeyRotation to true.")


@each("AWS::SecretsManager::Secret")
def test_aws_solutions_smg4_rotation(it: Deployed) -> None:
    """AwsSolutions-SMG4: a secret is rotated by a schedule."""

    def is_rotated(form: Form) -> bool:
        schedules = form.template.of_type("AWS::SecretsManager::RotationSchedule").values()
        return any(schedule["SecretId"] == {"Ref": it.name} for schedule in schedules)

    findings = breaking(it, keeps=is_rotated, what="nothing rotates it")
    judge(it, "AwsSolutions-SMG4", findings, "Add a RotationSchedule.")


# --- Lambda and Step Functions ---


@each("AWS::Lambda::Function")
def test_aws_solutions_l1_newest_runtime(it: Deployed) -> None:
    """AwsSolutions-L1: a function runs on the newest Python that Lambda has (as cfn-lint knows)."""
    newest = f"python3.{newest_python()}"
    findings = breaking(
        it, keeps=lambda form: form.properties["Runtime"] == newest, what=f"it isn't {newest}"
    )
    judge(it, "AwsSolutions-L1", findings, "Raise Runtime, and PYTHON_VERSION of layers/vendor.")


@each("AWS::StepFunctions::StateMachine")
def test_aws_solutions_sf1_logs(it: Deployed) -> None:
    """AwsSolutions-SF1: a state machine logs every event."""
    findings = breaking(
        it,
        keeps=lambda form: form.properties.get("LoggingConfiguration", {}).get("Level") == "ALL",
        what="LoggingConfiguration.Level isn't ALL",
    )
    judge(it, "AwsSolutions-SF1", findings, "Set it.")


@each("AWS::StepFunctions::StateMachine")
def test_aws_solutions_sf2_traced(it: Deployed) -> None:
    """AwsSolutions-SF2: a state machine is traced, where the parameter asks for it."""
    asked = [form for form in it.forms if form.stack.parameters["Tracing"] == "Active"]
    findings = [
        (form, "TracingConfiguration isn't enabled")
        for form in asked
        if form.properties.get("TracingConfiguration") != {"Enabled": True}
    ]
    assert asked
    judge(it, "AwsSolutions-SF2", findings, "Enable it when Tracing is Active.")
