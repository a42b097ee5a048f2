"""Least privilege on the deployed stack: permissions are sufficient, and each is needed.

The embedded AWS checks IAM, and the roles' permissions are read from it. So a new permission in the
template is a new case, which fails until it has a job that needs it. The tests of this module share
one deployment and depend on their order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from simulator.event_server import EVENT_TYPES, with_bad_utf8
from tests.integration.privileged_stack import MOST_EVENTS, PrivilegedStack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from simulator.event_server import Event
    from tests.integration.rights import Right

pytestmark = pytest.mark.release

TOO_LARGE: Final = 1_100_000
"""Bytes, too many for an SQS message."""


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[PrivilegedStack]:
    """Return a stack whose runs are started only by the test."""
    with PrivilegedStack.deployed(built) as deployed:
        yield deployed


def too_large(event: Event) -> Event:
    """Make an event too large for a message, in a field that pseudonyms don't replace."""
    message = EVENT_TYPES[event.event_type].response.FromString(event.undelivered)
    change = getattr(message, EVENT_TYPES[event.event_type].payload_field)
    change.current.imei_sv.software_version = "9" * TOO_LARGE
    return type(event).of(event.event_type, message)


# --- Jobs: each returns the errors in its log ----------------------------------------------------
def drain(stack: PrivilegedStack) -> str:
    """Drain an event, and one left from before: together the limit of a run."""
    stack.publish()
    return stack.drain(is_last=True)[1]


def drain_unreadable(stack: PrivilegedStack) -> str:
    """Drain an unreadable event, and one left from before."""
    stack.publish(make=with_bad_utf8)
    return stack.drain(is_last=True)[1]


def drain_cold(stack: PrivilegedStack) -> str:
    """Drain an event in a new environment, as an old one caches secrets."""
    stack.deployment.discard_environments()
    return drain(stack)


def drain_and_mint(stack: PrivilegedStack) -> str:
    """Drain an event without a cached token."""
    stack.deployment.delete_cached_token()
    return drain(stack)


def await_credentials(stack: PrivilegedStack) -> str:
    """Run while there is nothing in the credentials secret, as in a new stack."""
    stack.deployment.discard_environments()
    with stack.without_credentials():
        return stack.drain(is_last=True)[1]


def drain_backlog(stack: PrivilegedStack) -> str:
    """Drain the limit of a run, after which it starts another one."""
    stack.publish(MOST_EVENTS)
    return stack.drain()[1]


def replay(stack: PrivilegedStack) -> str:
    """Replay the archive."""
    report = stack.replay(dry_run=False, rate=0)
    assert (report["messages"] == 0) == bool(report["error"])
    return report["error"] or ""


def start_drain(stack: PrivilegedStack) -> str:
    """Let the schedule start the drain."""
    before = len(stack.deployment.stack.runs())
    stack.fire("Schedule")
    if not (complaints := "\n".join(stack.failed_starts())):
        stack.deployment.stack.wait_for_runs(before + 1)
    return complaints


def start_compaction(stack: PrivilegedStack) -> str:
    """Let the schedule start the compaction."""
    before = executions(stack)
    stack.fire("CompactionStart")
    complaints = "\n".join(stack.failed_starts())
    assert executions(stack) == before + (not complaints)
    return complaints


def executions(stack: PrivilegedStack) -> int:
    """Count the runs of the compaction."""
    machine = stack.deployment.stack.outputs["CompactionStateMachineArn"]
    client = stack.deployment.aws.client("stepfunctions")
    return len(client.list_executions(stateMachineArn=machine)["executions"])


JOBS: Final[Mapping[str, Callable[[PrivilegedStack], str]]] = {
    "DrainEventsRole: s3:PutObject on ArchiveBucket/events/*": drain,
    "DrainEventsRole: s3:PutObject on ArchiveBucket/quarantine/*": drain_unreadable,
    "DrainEventsRole: s3:PutObjectRetention on ArchiveBucket/events/*": drain,
    "DrainEventsRole: s3:PutObjectRetention on ArchiveBucket/quarantine/*": drain_unreadable,
    "DrainEventsRole: sqs:SendMessage on OutboxQueue": drain,
    "DrainEventsRole: secretsmanager:DescribeSecret on secret:CredentialsSecret": await_credentials,
    "DrainEventsRole: secretsmanager:GetSecretValue on secret:CredentialsSecret": drain_cold,
    "DrainEventsRole: secretsmanager:GetSecretValue on secret:TokenSecret": drain_cold,
    "DrainEventsRole: secretsmanager:GetSecretValue on secret:PseudonymKeySecret": drain_cold,
    "DrainEventsRole: secretsmanager:PutSecretValue on secret:TokenSecret": drain_and_mint,
    "DrainEventsRole: lambda:InvokeFunction on function:DrainEventsFunction": drain_backlog,
    "ReplayEventsRole: s3:ListBucket on ArchiveBucket": replay,
    "ReplayEventsRole: s3:GetObject on ArchiveBucket/events/*": replay,
    "ReplayEventsRole: sqs:SendMessage on OutboxQueue": replay,
    "ScheduleRole: lambda:InvokeFunction on function:DrainEventsFunction": start_drain,
    "CompactionScheduleRole: states:StartExecution on stateMachine:Compaction": start_compaction,
}
"""The job that fails without a permission, by the permission's text."""

RECORDS: Final[Mapping[str, str]] = {
    "ScheduleRole: sqs:SendMessage on ScheduleDeadLetterQueue": "Schedule",
    "CompactionScheduleRole: sqs:SendMessage on ScheduleDeadLetterQueue": "CompactionStart",
}
"""Permissions to record a failed start, and the schedules that need them. Without one, the only
sign is AWS's metric InvocationsFailedToBeSentToDeadLetterCount."""

UNENFORCED: Final[Mapping[str, str]] = {
    r".*: kms:.*": "the embedded AWS doesn't encrypt",
    r"\w+EventsRole: logs:.*": "it writes a function's log without the function's role",
    r".*: xray:.*": "it has no traces",
    r"CompactionRole: .*": "its Step Functions and Athena call services without the role",
}
"""Why a permission can't be tested here. `tests/packaging` checks these in the template."""


def reason(right: Right) -> str | None:
    """Return why the embedded AWS doesn't enforce a permission; None if it does."""
    return next((why for what, why in UNENFORCED.items() if re.fullmatch(what, str(right))), None)


def test_rights_are_all_in_the_policies(stack: PrivilegedStack) -> None:
    """No role has a managed policy, which isn't read here, and none allows a pattern of actions."""
    assert {role: found for role, found in stack.rights.managed().items() if found} == {}
    assert [str(right) for right in stack.rights.all() if "*" in right.action] == []


def test_every_right_has_a_job(stack: PrivilegedStack) -> None:
    """Each deployed permission has a job that needs it, or can't be enforced here.

    Each permission in these tables is deployed exactly once.
    """
    enforced = [str(right) for right in stack.rights.all() if reason(right) is None]
    known = [*JOBS, *RECORDS]
    assert sorted(enforced) == sorted(known), (
        "a permission that isn't in JOBS: if a job needs it, add it there, else remove it from the"
        " template. One that is only in JOBS isn't deployed; one that is here twice is allowed by"
        " two statements."
    )
    reasons = {reason(right) for right in stack.rights.all()} - {None}
    assert reasons == set(UNENFORCED.values()), "a reason that applies to no permission"


def test_rights_suffice(stack: PrivilegedStack) -> None:
    """With these permissions every job succeeds, and all events reconcile."""
    stack.publish(1)
    stack.publish(1, make=with_bad_utf8)
    stack.publish(1, make=too_large)
    stack.publish(2)
    runs, complaints = stack.drain()
    assert complaints == ""
    reports = [record["report"] for run in runs for record in run.records if "report" in record]
    assert [report["acked"] for report in reports] == [MOST_EVENTS, MOST_EVENTS, 1]
    assert sum(report["quarantined"] for report in reports) == 1
    assert sum(report["oversize"] for report in reports) == 1
    assert stack.deployment.token_server.minted == 1, (
        "each run after the first uses the cached token"
    )

    found = stack.reconciled()
    assert found.is_balanced
    assert found.copies == 0
    assert stack.replay(dry_run=False, rate=0)["messages"] == len(found.archived) - 1, "lines"
    assert stack.compact()["status"] == "SUCCEEDED"


def test_each_right_is_needed(stack: PrivilegedStack, subtests: pytest.Subtests) -> None:
    """Without a permission its job fails and logs the missing one; with it the job succeeds again.

    Meanwhile nothing is acked that isn't in both places.
    """
    for right in stack.rights.all():
        if (job := JOBS.get(str(right))) is None:
            continue
        with subtests.test(str(right)):
            with stack.rights.without([right]):
                complaints = job(stack)
            assert right.action in complaints, f"the action is not named: {complaints!r}"
            assert right.resource.rpartition(":")[2].partition("/")[0] in complaints, (
                "the resource is not named"
            )
            found = stack.reconciled()
            assert found.acked <= found.archived.keys() & found.queued.keys()

            assert job(stack) == "", "it still fails with the permission"
            assert stack.reconciled().is_balanced


def test_failed_start_is_recorded_by_right(
    stack: PrivilegedStack, subtests: pytest.Subtests
) -> None:
    """If a schedule may not start its target, that is reported to its dead-letter queue."""
    for text, schedule in RECORDS.items():
        with subtests.test(text):
            rights = stack.rights.all()
            (record,) = [right for right in rights if str(right) == text]
            starts = [right for right in rights if right.role == record.role and str(right) in JOBS]
            for taken, count in (([*starts, record], 0), (starts, 1)):
                with stack.rights.without(taken):
                    stack.fire(schedule)
                assert len(stack.failed_starts()) == count


def test_what_is_not_enforced_is_not(stack: PrivilegedStack) -> None:
    """Every job succeeds without the permissions that the embedded AWS doesn't enforce.

    If this fails, the embedded AWS enforces some of them now: move them to JOBS.
    """
    with stack.rights.without([right for right in stack.rights.all() if reason(right)]):
        assert drain_and_mint(stack) == drain_unreadable(stack) == replay(stack) == ""
        assert start_drain(stack) == start_compaction(stack) == ""
        assert stack.compact()["status"] == "SUCCEEDED"
    assert stack.reconciled().is_balanced
