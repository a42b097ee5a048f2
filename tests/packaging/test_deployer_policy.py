"""The policy for whoever deploys: it allows what CloudFormation's handlers call, and no more.

CloudFormation calls services with the deployer's rights. AWS publishes which permissions the
handlers of each resource type need; cfn-lint ships that list.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import all_templates
from tests.packaging.policy_documents import as_list
from tests.packaging.resource_schemas import resource_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY: Final[dict[str, Any]] = json.loads(
    (PROJECT_FOLDER / "docs" / "deployer-policy.json").read_text()
)
_MOST_CHARACTERS: Final = 10_240
"""The quota for the inline policies of a role (IAM User Guide, without whitespace)."""

_HERE: Final = "eu-north-1:111122223333"
RESOURCES: Final = {
    "AWS::Athena::NamedQuery": f"arn:aws:athena:{_HERE}:workgroup/mobility_events",
    "AWS::Athena::WorkGroup": f"arn:aws:athena:{_HERE}:workgroup/mobility_events-compaction",
    "AWS::CloudFormation::Stack": f"arn:aws:cloudformation:{_HERE}:stack/event-drain-Catalogue-A/1",
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{_HERE}:alarm:event-drain-Operations-A-Errors-B",
    "AWS::CloudWatch::Dashboard": "arn:aws:cloudwatch::111122223333:dashboard/event-drain-eu",
    "AWS::Glue::Database": f"arn:aws:glue:{_HERE}:database/mobility_events",
    "AWS::Glue::Table": f"arn:aws:glue:{_HERE}:table/mobility_events/handset_change",
    "AWS::IAM::Policy": "arn:aws:iam::111122223333:role/event-drain-DrainEventsRole-A",
    "AWS::IAM::Role": "arn:aws:iam::111122223333:role/event-drain-DrainEventsRole-A",
    "AWS::KMS::Alias": f"arn:aws:kms:{_HERE}:alias/event-drain-EncryptionKey-A",
    "AWS::KMS::Key": f"arn:aws:kms:{_HERE}:key/made-up",
    "AWS::Lambda::EventInvokeConfig": f"arn:aws:lambda:{_HERE}:function:event-drain-Function-A",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_HERE}:function:event-drain-Function-A",
    "AWS::Lambda::LayerVersion": f"arn:aws:lambda:{_HERE}:layer:event-drain-wgtwo:1",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_HERE}:log-group:event-drain-DrainEventsLogGroup-A",
    "AWS::Logs::QueryDefinition": f"arn:aws:logs:{_HERE}:query-definition:made-up",
    "AWS::S3::Bucket": "arn:aws:s3:::event-drain-archivebucket-a",
    "AWS::S3::BucketPolicy": "arn:aws:s3:::event-drain-archivebucket-a",
    "AWS::SNS::Subscription": f"arn:aws:sns:{_HERE}:event-drain-AlarmTopic-A",
    "AWS::SNS::Topic": f"arn:aws:sns:{_HERE}:event-drain-AlarmTopic-A",
    "AWS::SNS::TopicPolicy": f"arn:aws:sns:{_HERE}:event-drain-AlarmTopic-A",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_HERE}:event-drain-OutboxQueue-A",
    "AWS::SQS::QueuePolicy": f"arn:aws:sqs:{_HERE}:event-drain-OutboxQueue-A",
    "AWS::Scheduler::Schedule": f"arn:aws:scheduler:{_HERE}:schedule/default/event-drain-S-A",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{_HERE}:secret:TokenSecret-A-B",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{_HERE}:stateMachine:Compaction-A",
}
"""A resource of each type that has a handler, with a name as CloudFormation's."""
ELSEWHERE: Final = {
    "iam:PassRole": RESOURCES["AWS::IAM::Role"],
    "s3:GetObject": "arn:aws:s3:::aws-sam-cli-managed-default-a/event-drain/artifact",
    "s3:GetObjectVersion": "arn:aws:s3:::aws-sam-cli-managed-default-a/event-drain/artifact",
}
"""What a handler's call is about if not about its own resource."""
OWN_NAMES: Final = ("event-drain", "mobility_events", "aws-sam-cli-managed-default")
FIXED_NAMES: Final = (
    "stateMachine:Compaction-*",
    "log-group:/aws/vendedlogs/states/compaction-*",
    "secret:CredentialsSecret-*",
    "secret:PseudonymKeySecret-*",
    "secret:TokenSecret-*",
    "transform/Serverless-2016-10-31",
    ":catalog",
    ":outbox-*",
)
"""The ends of patterns for resources whose names don't begin with the stack's."""

NOT_NEEDED: Final = {
    "Only with properties that the templates don't set": (
        "athena iam:CreateServiceLinkedRole",
        "athena iam:PassRole",
        "athena kms:*",
        "athena s3:*",
        "glue glue:*Connection",
        "glue glue:GetSchemaVersion",
        "glue iam:PassRole",
        "glue s3:*",
        "iam iam:*Group*",
        "iam iam:*User*",
        "iam iam:AttachRolePolicy",
        "iam iam:DetachRolePolicy",
        "lambda *:*MountTargets",
        "lambda kms:*",
        "lambda lambda:DeleteFunctionCodeSigningConfig",
        "lambda lambda:GetCodeSigningConfig",
        "lambda lambda:PutFunctionCodeSigningConfig",
        "lambda lambda:AssociateRuntimeAlias",
        "lambda lambda:PassCapacityProvider",
        "lambda lambda:PublishVersion",
        "lambda lambda:PutFunctionRecursionConfig",
        "lambda lambda:PutFunctionScalingConfig",
        "lambda lambda:PutRuntimeManagementConfig",
        "logs logs:DeleteDataProtectionPolicy",
        "logs logs:PutDataProtectionPolicy",
        "logs firehose:*",
        "logs logs:*IndexPolicy",
        "logs logs:*ResourcePolicy",
        "logs logs:CreateLogDelivery",
        "logs logs:DeleteRetentionPolicy",
        "logs logs:PutBearerTokenAuthentication",
        "logs logs:PutLogGroupDeletionProtection",
        "logs s3:REST.PUT.OBJECT",
        "s3 iam:PassRole",
        "s3 s3:*Metadata*",
        "s3 s3:DeleteBucketAnalyticsConfiguration",
        "s3 s3:DeleteBucketCors",
        "s3 s3:DeleteBucketMetricsConfiguration",
        "s3 s3:DeleteBucketReplication",
        "s3 s3:DeleteBucketWebsite",
        "s3 s3:DeleteObject",
        "s3 s3:Put*Acl",
        "s3 s3:PutA*Configuration",
        "s3 s3:PutBucketAbac",
        "s3 s3:PutBucketCORS",
        "s3 s3:PutBucketNotification",
        "s3 s3:PutBucketReplication",
        "s3 s3:PutBucketWebsite",
        "s3 s3:PutI*Configuration",
        "s3 s3:PutMetricsConfiguration",
        "s3 s3:PutReplicationConfiguration",
        "s3 s3tables:*",
        "secretsmanager secretsmanager:Re*Region*",
        "sns iam:*",
        "sns sns:PutDataProtectionPolicy",
        "states kms:*",
        "cloudformation *:*StackPolicy",
        "cloudformation cloudformation:GetTemplate",
        "cloudformation cloudformation:UpdateTerminationProtection",
        "cloudformation iam:PassRole",
    ),
    "Only in a VPC: docs/organisation.md": ("lambda ec2:*",),
    "Only where Lake Formation decides: docs/organisation.md": (
        "glue lakeformation:CreateTable",
        "glue lakeformation:GetDataAccess",
    ),
    "A boundary, once set, stays": ("iam iam:DeleteRolePermissionsBoundary",),
    "No action of IAM: S3 checks others, which are allowed": (
        "s3 s3:DeleteBucketEncryption",
        "s3 s3:DeleteBucketLifecycle",
        "s3 s3:PutObjectLockConfiguration",
    ),
}
BY_OTHERS: Final = {
    "cloudformation:CreateChangeSet": "SAM CLI",
    "cloudformation:DescribeChangeSet": "SAM CLI",
    "cloudformation:DescribeStackEvents": "SAM CLI",
    "cloudformation:ExecuteChangeSet": "SAM CLI",
    "cloudformation:GetTemplateSummary": "SAM CLI",
    "cloudformation:TagResource": "stacks with tags, as the SAM CLI's own",
    "cloudformation:UntagResource": "stacks with tags",
    "kms:Decrypt": "Secrets Manager, with the deployer's rights, for a new secret's value",
    "kms:GenerateDataKey": "Secrets Manager, likewise",
    "s3:PutObject": "SAM CLI",
}
"""Actions that no handler calls, and what calls them."""


def _documented() -> Iterator[tuple[str, str]]:
    """Yield each type that the templates have with each permission of its handlers."""
    kinds = {each["Type"] for it in all_templates().values() for each in it["Resources"].values()}
    for kind in kinds - {"AWS::CloudFormation::WaitConditionHandle"}:
        handlers = resource_schema(kind)["handlers"]
        for operation in handlers.keys() & {"create", "read", "update", "delete"}:
            for permission in handlers[operation]["permissions"]:
                yield kind, permission


DOCUMENTED: Final = sorted(set(_documented()))


def _allows(action: str, arn: str) -> bool:
    return any(
        any(fnmatchcase(action, each) for each in as_list(statement["Action"]))
        and any(fnmatchcase(arn, each) for each in as_list(statement["Resource"]))
        for statement in POLICY["Statement"]
    )


def _why_not(kind: str, action: str) -> str | None:
    """Return why a documented permission is not needed; None if it is."""
    text = f"{RESOURCES[kind].split(':')[2]} {action}"
    return next(
        (why for why, all_ in NOT_NEEDED.items() if any(fnmatchcase(text, each) for each in all_)),
        None,
    )


@pytest.mark.parametrize("kind", RESOURCES)
def test_it_allows_what_handlers_call(kind: str) -> None:
    """Each documented permission is allowed, or there is a reason why it isn't needed."""
    missing = [
        action
        for each, action in DOCUMENTED
        if each == kind
        and _why_not(kind, action) is None
        and not _allows(action, ELSEWHERE.get(action, RESOURCES[kind]))
    ]
    assert not missing


def test_it_allows_no_more() -> None:
    """Each action is one that a handler needs, or one of which it is said who calls it."""
    needed = {action for kind, action in DOCUMENTED if _why_not(kind, action) is None}
    assert not needed & BY_OTHERS.keys()
    allowed = [each for statement in POLICY["Statement"] for each in as_list(statement["Action"])]
    unneeded = [
        pattern
        for pattern in allowed
        if not any(fnmatchcase(each, pattern) for each in needed | BY_OTHERS.keys())
    ]
    assert not unneeded


def test_every_reason_is_about_something() -> None:
    """A permission that no handler needs any more needs no reason."""
    texts = {f"{RESOURCES[kind].split(':')[2]} {action}" for kind, action in DOCUMENTED}
    idle = [
        each
        for each in chain.from_iterable(NOT_NEEDED.values())
        if not any(fnmatchcase(text, each) for text in texts)
    ]
    assert not idle


def test_it_is_about_one_stack() -> None:
    """Resources have the stack's names, or fixed ones; without a name there is a condition."""
    for statement in POLICY["Statement"]:
        for pattern in as_list(statement["Resource"]):
            assert (
                any(name in pattern for name in OWN_NAMES)
                or pattern.endswith(FIXED_NAMES)
                or "Condition" in statement
            ), pattern
    (passing,) = (each for each in POLICY["Statement"] if "iam:PassRole" in each["Action"])
    assert passing["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "lambda.amazonaws.com",
        "scheduler.amazonaws.com",
        "states.amazonaws.com",
    ]


@pytest.mark.parametrize("name", ["deployer", "doctor"])
def test_services_are_named_without_a_partition(name: str) -> None:
    """A key's use through a service is allowed in China too, where names have another suffix."""
    policy = json.loads((PROJECT_FOLDER / f"docs/{name}-policy.json").read_text())
    conditions = [each.get("Condition", {}) for each in policy["Statement"]]
    services = [it["StringLike"]["kms:ViaService"] for it in conditions if "StringLike" in it]
    assert services == ["secretsmanager.*"]


def test_it_fits_a_role() -> None:
    """IAM accepts it as an inline policy of a role."""
    assert len(json.dumps(POLICY, separators=(",", ":"))) <= _MOST_CHARACTERS
