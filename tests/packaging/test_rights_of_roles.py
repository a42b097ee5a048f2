"""What each role may do, with the parameters that a stack has, and on what."""

from __future__ import annotations

from tests.packaging.expanded_template import ExpandedTemplate
from tests.packaging.policy_documents import as_list


def test_rights_of_the_function() -> None:
    """The function may put below two prefixes, send, read secrets, keep its token and log."""
    statements = ExpandedTemplate(Encryption="aws-managed").statements("DrainEventsRole")

    assert {sid: (as_list(it["Action"]), it["Resource"]) for sid, it in statements.items()} == {
        "WriteArchive": (
            ["s3:PutObject"],
            [
                {"Fn::Sub": "${ArchiveBucket.Arn}/${ArchivePrefix}/*"},
                {"Fn::Sub": "${ArchiveBucket.Arn}/${QuarantinePrefix}/*"},
            ],
        ),
        "SendToOutbox": (["sqs:SendMessage"], {"Fn::GetAtt": ["OutboxQueue", "Arn"]}),
        "WriteLogs": (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            {
                "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
                ":log-group:${DrainEventsLogGroup}:log-stream:*"
            },
        ),
        "ReadCredentials": (
            ["secretsmanager:GetSecretValue"],
            {"Fn::GetAtt": ["CredentialsSecret", "Id"]},
        ),
        "KeepToken": (
            ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
            {"Fn::GetAtt": ["TokenSecret", "Id"]},
        ),
        "StartRuns": (
            ["lambda:InvokeFunction"],
            {"Fn::GetAtt": ["DrainEventsFunction", "Arn"]},
        ),
    }


def test_rights_of_the_replay() -> None:
    """The replay may list and read the archive's lines, send, and log; nothing else."""
    statements = ExpandedTemplate(Encryption="aws-managed").statements("ReplayEventsRole")

    assert {sid: (as_list(it["Action"]), it["Resource"]) for sid, it in statements.items()} == {
        "ListArchive": (["s3:ListBucket"], {"Fn::GetAtt": ["ArchiveBucket", "Arn"]}),
        "ReadArchive": (["s3:GetObject"], {"Fn::Sub": "${ArchiveBucket.Arn}/${ArchivePrefix}/*"}),
        "SendToOutbox": (["sqs:SendMessage"], {"Fn::GetAtt": ["OutboxQueue", "Arn"]}),
        "WriteLogs": (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            {
                "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
                ":log-group:${ReplayEventsLogGroup}:log-stream:*"
            },
        ),
    }
    assert statements["ListArchive"]["Condition"] == {
        "StringLike": {"s3:prefix": {"Fn::Sub": "${ArchivePrefix}/*"}}
    }


def test_function_that_starts_no_runs_may_not() -> None:
    """With one puller and no backlog runs the function has no right to start itself."""
    template = ExpandedTemplate(BacklogRuns="0")

    assert "StartRuns" not in template.statements("DrainEventsRole")
    for parameters in ({"BacklogRuns": "1"}, {"BacklogRuns": "0", "Pullers": "2"}):
        assert "StartRuns" in ExpandedTemplate(**parameters).statements("DrainEventsRole")


def test_queue_that_gets_nothing_is_nobody_s() -> None:
    """Where each stream has a queue of its own, no function may send to the one for all."""
    template = ExpandedTemplate(QueuePerStream="true")

    for role in ("DrainEventsRole", "ReplayEventsRole"):
        assert "SendToOutbox" not in template.statements(role)


def test_rights_of_the_schedule() -> None:
    """The schedule may start the function and record a failed start, for this account only."""
    template = ExpandedTemplate(Encryption="aws-managed")

    assert {
        sid: (as_list(it["Action"]), it["Resource"])
        for sid, it in template.statements("ScheduleRole").items()
    } == {
        "StartDrain": (
            ["lambda:InvokeFunction"],
            {"Fn::GetAtt": ["DrainEventsFunction", "Arn"]},
        ),
        "RecordFailedStart": (
            ["sqs:SendMessage"],
            {"Fn::GetAtt": ["ScheduleDeadLetterQueue", "Arn"]},
        ),
    }


def test_function_locks_what_it_writes_if_asked_to() -> None:
    """It may lock below the two prefixes that it writes to, and nowhere else, and never unlock."""
    assert "LockArchive" not in ExpandedTemplate().statements("DrainEventsRole")

    statements = ExpandedTemplate(ObjectLockDays="30").statements("DrainEventsRole")
    assert statements["LockArchive"]["Action"] == "s3:PutObjectRetention"
    assert statements["LockArchive"]["Resource"] == statements["WriteArchive"]["Resource"]
    assert "s3:BypassGovernanceRetention" not in str(statements)
