"""Facts from AWS services, by read-only calls."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from drainctl.doctor.facts import (
    QUARANTINE_DAYS,
    Alarm,
    DeadLetters,
    Execution,
    Function,
    Key,
    Quarantine,
    Resource,
    Schedule,
    Topic,
)
from drainctl.doctor.questions import calling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_stepfunctions import SFNClient

    from drainctl.stack import Stack

_NESTED: Final = "AWS::CloudFormation::Stack"
_DRAIN: Final = "DrainEventsFunctionName"
_FUNCTIONS: Final = {"drain": _DRAIN, "replay": "ReplayEventsFunctionName"}
_QUARANTINE_PAGES: Final = 5
_ALARMS_AT_ONCE: Final = 100
"""The maximum number of names in a DescribeAlarms call (API reference)."""
_EXECUTIONS: Final = 50
_COUNTS: Final[tuple[QueueAttributeNameType, ...]] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
)
_DEAD_LETTERS: Final = ("OutboxDeadLetterQueueUrl", "ScheduleDeadLetterQueueUrl")


def find_resources(client: CloudFormationClient, stack: Stack) -> tuple[Resource, ...]:
    """Return the resources of the stack and of all stacks nested in it."""
    return tuple(_resources(client, stack.arn or stack.name, "itself"))


def _resources(client: CloudFormationClient, stack: str, path: str) -> Iterator[Resource]:
    with calling("cloudformation:ListStackResources", f"the stack {path}"):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
        listed = [each for page in pages for each in page["StackResourceSummaries"]]
    for each in listed:
        physical_id = each.get("PhysicalResourceId", "")
        if not physical_id or each["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        yield Resource(each["ResourceType"], physical_id)
        if each["ResourceType"] == _NESTED:
            yield from _resources(client, physical_id, each["LogicalResourceId"])


def find_schedules(
    client: EventBridgeSchedulerClient, stack: Stack, resources: Iterable[Resource]
) -> tuple[Schedule, ...]:
    """Return the schedules of the drain function."""
    function = stack.output(_DRAIN)
    schedules = []
    for each in resources:
        if each.kind != "AWS::Scheduler::Schedule":
            continue
        name = each.physical_id.rpartition("|")[2].rpartition("/")[2]
        with calling("scheduler:GetSchedule", f"the schedule {name}"):
            found = client.get_schedule(Name=name)
        target = found["Target"]
        if target["Arn"].rpartition(":")[2] != function:
            continue
        event_type = json.loads(target.get("Input", "{}")).get("event_type", "")
        is_enabled = found["State"] == "ENABLED"
        schedules.append(Schedule(name, event_type, found["ScheduleExpression"], is_enabled))
    return tuple(schedules)


def find_functions(client: LambdaClient, stack: Stack) -> tuple[Function, ...]:
    """Return the drain function and the replay function, with their concurrency."""
    with calling("lambda:GetAccountSettings", "the account"):
        limit = client.get_account_settings()["AccountLimit"]
    return tuple(
        _function(client, duty, stack.output(name), limit["UnreservedConcurrentExecutions"])
        for duty, name in _FUNCTIONS.items()
    )


def _function(client: LambdaClient, duty: str, name: str, account_left: int) -> Function:
    with calling("lambda:GetFunctionConfiguration", f"the function {name}"):
        found = client.get_function_configuration(FunctionName=name)
    with calling("lambda:GetFunctionConcurrency", f"the function {name}"):
        concurrency = client.get_function_concurrency(FunctionName=name)
    return Function(
        duty=duty,
        name=name,
        state=found.get("State", "Active"),
        update=found.get("LastUpdateStatus", "Successful"),
        reason=found.get("StateReason") or found.get("LastUpdateStatusReason") or "",
        layers=len(found.get("Layers", ())),
        timeout_seconds=found["Timeout"],
        reserved=concurrency.get("ReservedConcurrentExecutions"),
        account_left=account_left,
    )


def find_key(client: Any, stack: Stack) -> Key | None:
    """Return the KMS key; None if the stack uses AWS's own keys."""
    arn = stack.outputs.get("KeyArn") or stack.parameters.get("KmsKeyArn", "")
    if not arn:
        return None
    with calling("kms:DescribeKey", "the stack's key"):
        state = client.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    with calling("kms:GetKeyRotationStatus", "the stack's key"):
        is_rotated = client.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"]
    return Key(arn, state, is_rotated)


def find_topic(client: Any, stack: Stack) -> Topic | None:
    """Return the alarms' topic with counts of its subscriptions, but not their addresses."""
    arn = stack.outputs.get("AlarmTopicArn") or stack.parameters.get("AlarmTopicArn", "")
    if not arn:
        return None
    with calling("sns:GetTopicAttributes", "the topic of the alarms"):
        found = client.get_topic_attributes(TopicArn=arn)["Attributes"]
    names = ("SubscriptionsConfirmed", "SubscriptionsPending")
    confirmed, pending = (int(found.get(name, 0)) for name in names)
    return Topic(arn, confirmed, pending)


def find_alarms(client: CloudWatchClient, resources: Iterable[Resource]) -> tuple[Alarm, ...]:
    """Return all alarms of the stack."""
    names = [each.physical_id for each in resources if each.kind == "AWS::CloudWatch::Alarm"]
    alarms: list[Alarm] = []
    for first in range(0, len(names), _ALARMS_AT_ONCE):
        with calling("cloudwatch:DescribeAlarms", "the stack's alarms"):
            pages = client.get_paginator("describe_alarms").paginate(
                AlarmNames=names[first : first + _ALARMS_AT_ONCE]
            )
            alarms += [
                Alarm(
                    each["AlarmName"],
                    each["StateValue"],
                    each.get("AlarmDescription", ""),
                    each.get("ActionsEnabled", True),
                )
                for page in pages
                for each in page["MetricAlarms"]
            ]
    return tuple(alarms)


def find_dead_letters(client: SQSClient, stack: Stack) -> tuple[DeadLetters, ...]:
    """Return the dead-letter queues. Their counts include messages in flight."""
    found = []
    for name in _DEAD_LETTERS:
        url = stack.output(name)
        with calling("sqs:GetQueueAttributes", f"the queue of the output {name}"):
            attributes = client.get_queue_attributes(
                QueueUrl=url, AttributeNames=["QueueArn", *_COUNTS]
            )["Attributes"]
        messages = sum(int(attributes[each]) for each in _COUNTS)
        found.append(DeadLetters(name, url, attributes["QueueArn"], messages))
    return tuple(found)


def find_quarantine(client: S3Client, stack: Stack, now: datetime) -> Quarantine:
    """Count the events quarantined in the last days, among the first thousands of objects.

    The result holds no object keys, because they contain event ids.
    """
    bucket = stack.output("ArchiveBucketName")
    prefix = f"{stack.parameters.get('QuarantinePrefix', 'quarantine')}/"
    since = now - timedelta(days=QUARANTINE_DAYS)
    with calling("s3:ListBucket", f"the bucket {bucket}"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        seen = list(islice(pages, _QUARANTINE_PAGES))
    recent = [
        each["LastModified"]
        for page in seen
        for each in page.get("Contents", ())
        if each["LastModified"] >= since
    ]
    is_complete = not seen or not seen[-1]["IsTruncated"]
    return Quarantine(
        f"s3://{bucket}/{prefix}", len(recent), max(recent, default=None), is_complete
    )


def find_executions(client: SFNClient, stack: Stack) -> tuple[Execution, ...] | None:
    """Return the last executions of the compaction, newest first; None without a catalog."""
    if not stack.parameters.get("DatabaseName", ""):
        return None
    arn = stack.output("CompactionStateMachineArn")
    with calling("states:ListExecutions", "the compaction"):
        found: Sequence[Any] = client.list_executions(stateMachineArn=arn, maxResults=_EXECUTIONS)[
            "executions"
        ]
    executions = (
        Execution(each["executionArn"], each["status"], each["startDate"]) for each in found
    )
    return tuple(sorted(executions, key=lambda each: each.started, reverse=True))
