"""The permissions of each role, with their resources, for the stack's parameters."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.packaging.expanded_template import ExpandedTemplate
from tests.packaging.policy_documents import as_list

ARCHIVE: Final = {"Fn::Sub": "${ArchiveBucket.Arn}/${ArchivePrefix}/*"}
QUARANTINE: Final = {"Fn::Sub": "${ArchiveBucket.Arn}/${QuarantinePrefix}/*"}
READ: Final = "secretsmanager:GetSecretValue"


def arn(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    """Return a reference to a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def logs(group: str) -> tuple[list[str], dict[str, str]]:
    """Return the permission to write to a log group."""
    place = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
    place += f":log-group:${{{group}}}:log-stream:*"
    return ["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::Sub": place}


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        (
            "DrainEventsRole",
            {
                "WriteArchive": (["s3:PutObject"], [ARCHIVE, QUARANTINE]),
                "SendToOutbox": (["sqs:SendMessage"], arn("OutboxQueue")),
                "WriteLogs": logs("DrainEventsLogGroup"),
                "ReadCredentials": (
                    ["secretsmanager:DescribeSecret", READ],
                    arn("CredentialsSecret", "Id"),
                ),
                "KeepToken": ([READ, "secretsmanager:PutSecretValue"], arn("TokenSecret", "Id")),
                "StartRuns": (["lambda:InvokeFunction"], arn("DrainEventsFunction")),
            },
        ),
        (
            "ReplayEventsRole",
            {
                "ListArchive": (["s3:ListBucket"], arn("ArchiveBucket")),
                "ReadArchive": (["s3:GetObject"], ARCHIVE),
                "SendToOutbox": (["sqs:SendMessage"], arn("OutboxQueue")),
                "WriteLogs": logs("ReplayEventsLogGroup"),
            },
        ),
        (
            "ScheduleRole",
            {
                "StartDrain": (["lambda:InvokeFunction"], arn("DrainEventsFunction")),
                "RecordFailedStart": (["sqs:SendMessage"], arn("ScheduleDeadLetterQueue")),
            },
        ),
    ],
)
def test_rights(role: str, rights: dict[str, Any]) -> None:
    """A role has exactly these permissions on these resources."""
    statements = ExpandedTemplate(Encryption="aws-managed").statements(role)

    assert {
        sid: (as_list(it["Action"]), it["Resource"]) for sid, it in statements.items()
    } == rights
    if "ListArchive" in statements:
        prefix = {"s3:prefix": {"Fn::Sub": "${ArchivePrefix}/*"}}
        assert statements["ListArchive"]["Condition"] == {"StringLike": prefix}


@pytest.mark.parametrize(
    ("parameters", "is_allowed"),
    [
        ({"BacklogRuns": "0"}, False),
        ({"BacklogRuns": "1"}, True),
        ({"BacklogRuns": "0", "Pullers": "2"}, True),
    ],
)
def test_function_that_starts_no_runs_may_not(
    parameters: dict[str, str], *, is_allowed: bool
) -> None:
    """Without concurrent runs and backlog runs, the function may not start itself."""
    statements = ExpandedTemplate(**parameters).statements("DrainEventsRole")

    assert ("StartRuns" in statements) is is_allowed


def test_unused_queue_can_not_be_sent_to() -> None:
    """If each stream has its own queue, no function may send to the shared one."""
    template = ExpandedTemplate(QueuePerStream="true")

    for role in ("DrainEventsRole", "ReplayEventsRole"):
        assert "SendToOutbox" not in template.statements(role)


def test_function_locks_what_it_writes_if_asked_to() -> None:
    """It may lock objects only below its two prefixes, and never unlock them."""
    assert "LockArchive" not in ExpandedTemplate().statements("DrainEventsRole")

    statements = ExpandedTemplate(ObjectLockDays="30").statements("DrainEventsRole")
    assert statements["LockArchive"]["Action"] == "s3:PutObjectRetention"
    assert statements["LockArchive"]["Resource"] == statements["WriteArchive"]["Resource"]
    assert "s3:BypassGovernanceRetention" not in str(statements)
