"""What the services say that the stack is made of. Each call only reads."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from drainctl.doctor.answers import calling
from drainctl.doctor.ask_stack import output
from drainctl.doctor.facts_of_running import (
    QUARANTINE_DAYS,
    Alarm,
    DeadLetters,
    Execution,
    Quarantine,
)
from drainctl.doctor.facts_of_stack import Key, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_stepfunctions import SFNClient

    from drainctl.doctor.facts_of_stack import Resource, Stack

_QUARANTINE_PAGES: Final = 5
_ALARMS_AT_ONCE: Final = 100
"""DescribeAlarms takes so many names (API reference)."""
_EXECUTIONS: Final = 50
_COUNTS: Final[tuple[QueueAttributeNameType, ...]] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
)
_DEAD_LETTERS: Final = ("OutboxDeadLetterQueueUrl", "ScheduleDeadLetterQueueUrl")


def find_key(client: Any, stack: Stack) -> Key | None:
    """Ask for the key; None where AWS's own keys encrypt."""
    arn = stack.key_arn
    if not arn:
        return None
    with calling("kms:DescribeKey", "the stack's key"):
        state = client.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    with calling("kms:GetKeyRotationStatus", "the stack's key"):
        is_rotated = client.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"]
    return Key(arn, state, is_rotated)


def find_topic(client: Any, stack: Stack) -> Topic | None:
    """Ask how many listen to alarms: counts alone, for a subscription has somebody's address."""
    arn = stack.topic_arn
    if not arn:
        return None
    with calling("sns:GetTopicAttributes", "the topic that alarms are told to"):
        found = client.get_topic_attributes(TopicArn=arn)["Attributes"]
    confirmed, pending = (
        int(found.get(name, 0)) for name in ("SubscriptionsConfirmed", "SubscriptionsPending")
    )
    return Topic(arn, confirmed, pending)


def find_alarms(client: CloudWatchClient, resources: Iterable[Resource]) -> tuple[Alarm, ...]:
    """Ask for the states of all alarms of the stack."""
    names = [each.physical_id for each in resources if each.kind == "AWS::CloudWatch::Alarm"]
    alarms: list[Alarm] = []
    while names:
        some, names = names[:_ALARMS_AT_ONCE], names[_ALARMS_AT_ONCE:]
        with calling("cloudwatch:DescribeAlarms", "the stack's alarms"):
            pages = client.get_paginator("describe_alarms").paginate(AlarmNames=some)
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
    """Ask how many messages each dead-letter queue has, those that somebody looks at included."""
    return tuple(_dead_letters(client, name, output(stack, name)) for name in _DEAD_LETTERS)


def _dead_letters(client: SQSClient, name: str, url: str) -> DeadLetters:
    with calling("sqs:GetQueueAttributes", f"the queue of the output {name}"):
        found = client.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=["QueueArn", *_COUNTS],
        )["Attributes"]
    return DeadLetters(name, url, found["QueueArn"], sum(int(found[each]) for each in _COUNTS))


def find_quarantine(client: S3Client, stack: Stack, now: datetime) -> Quarantine:
    """Count what came into quarantine in the last days, among the first thousands that are there.

    Keys are not told: they end in the event's id.
    """
    bucket = output(stack, "ArchiveBucketName")
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
    is_all = not seen or not seen[-1]["IsTruncated"]
    return Quarantine(f"s3://{bucket}/{prefix}", len(recent), max(recent, default=None), is_all)


def find_executions(client: SFNClient, stack: Stack) -> tuple[Execution, ...] | None:
    """Ask for the last executions of the compaction; None where the stack compacts nothing."""
    if not stack.parameters.get("DatabaseName", ""):
        return None
    arn = output(stack, "CompactionStateMachineArn")
    with calling("states:ListExecutions", "the compaction"):
        found: Sequence[Any] = client.list_executions(stateMachineArn=arn, maxResults=_EXECUTIONS)[
            "executions"
        ]
    executions = (
        Execution(each["executionArn"], each["status"], each["startDate"]) for each in found
    )
    return tuple(sorted(executions, key=lambda each: each.started, reverse=True))
