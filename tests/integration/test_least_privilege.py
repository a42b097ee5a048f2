"""Least privilege, proven on the deployed stack: enough, each right needed, and nothing else.

The embedded AWS checks IAM; the roles' rights are read from it, so that a right which the template
gains is a case here at once, and fails until a job needs it. One deployment serves
all tests of this module, in their order.
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
"""Bytes, for a message of SQS."""


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[PrivilegedStack]:
    """Return a stack whose runs only the test starts."""
    with PrivilegedStack.deployed(built) as deployed:
        yield deployed


def too_large(event: Event) -> Event:
    """Make an event too large for a message, by what no pseudonym replaces."""
    message = EVENT_TYPES[event.event_type].response.FromString(event.undelivered)
    change = getattr(message, EVENT_TYPES[event.event_type].payload_field)
    change.current.imei_sv.software_version = "9" * TOO_LARGE
    return type(event).of(event.event_type, message)


# --- What needs which right: each gives what the job's log complains of ---------------------------
def drain(stack: PrivilegedStack) -> str:
    """Drain an event, and one that is left from before: as many as a run commits."""
    stack.publish()
    return stack.drain(is_last=True)[1]


def drain_unreadable(stack: PrivilegedStack) -> str:
    """Drain an event that can't become a line, and one that is left from before."""
    stack.publish(make=with_bad_utf8)
    return stack.drain(is_last=True)[1]


def drain_cold(stack: PrivilegedStack) -> str:
    """Drain an event in a new environment: for its life it keeps what it has read once."""
    stack.discard_environments()
    return drain(stack)


def drain_and_mint(stack: PrivilegedStack) -> str:
    """Drain an event with a token that isn't kept yet."""
    stack.deployment.delete_cached_token()
    return drain(stack)


def await_credentials(stack: PrivilegedStack) -> str:
    """Run while there is nothing in the credentials secret, as in a new stack."""
    with stack.without_credentials():
        return stack.drain(is_last=True)[1]


def drain_backlog(stack: PrivilegedStack) -> str:
    """Drain as many events as a run commits, which another run is to follow."""
    stack.publish(MOST_EVENTS)
    return stack.drain()[1]


def replay(stack: PrivilegedStack) -> str:
    """Send again what is archived."""
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
    "DrainEventsRole: secretsmanager:GetSecretValue on secret:CredentialsSecret": drain,
    "DrainEventsRole: secretsmanager:GetSecretValue on secret:TokenSecret": drain,
    "DrainEventsRole: secretsmanager:GetSecretValue on secret:PseudonymKeySecret": drain_cold,
    "DrainEventsRole: secretsmanager:PutSecretValue on secret:TokenSecret": drain_and_mint,
    "DrainEventsRole: lambda:InvokeFunction on function:DrainEventsFunction": drain_backlog,
    "ReplayEventsRole: s3:ListBucket on ArchiveBucket": replay,
    "ReplayEventsRole: s3:GetObject on ArchiveBucket/events/*": replay,
    "ReplayEventsRole: sqs:SendMessage on OutboxQueue": replay,
    "ScheduleRole: lambda:InvokeFunction on function:DrainEventsFunction": start_drain,
    "CompactionScheduleRole: states:StartExecution on stateMachine:Compaction": start_compaction,
}
"""The job that fails without a right, by how the right reads."""

RECORDS: Final[Mapping[str, str]] = {
    "ScheduleRole: sqs:SendMessage on ScheduleDeadLetterQueue": "Schedule",
    "CompactionScheduleRole: sqs:SendMessage on ScheduleDeadLetterQueue": "CompactionStart",
}
"""Rights to record that a start failed, and the schedules that need them. Without one, the only
sign is AWS's own metric InvocationsFailedToBeSentToDeadLetterCount."""

UNENFORCED: Final[Mapping[str, str]] = {
    r".*: kms:.*": "the embedded AWS encrypts nothing, and asks no key",
    r"\w+EventsRole: logs:.*": "it writes a function's log itself, not as the function's role",
    r".*: xray:.*": "it has no traces",
    r"CompactionRole: .*": "its Step Functions and Athena call services without asking the role",
}
"""Why a right can't be a case here. `tests/packaging` reads these in the template instead."""


def reason(right: Right) -> str | None:
    """Return why the embedded AWS doesn't enforce a right; None where it does."""
    return next((why for what, why in UNENFORCED.items() if re.fullmatch(what, str(right))), None)


def test_rights_are_all_in_the_policies(stack: PrivilegedStack) -> None:
    """No role has a managed policy, whose rights aren't read here, and none allows a pattern."""
    assert {role: found for role, found in stack.rights.managed().items() if found} == {}
    assert [str(right) for right in stack.rights.all() if "*" in right.action] == []


def test_every_right_has_a_job(stack: PrivilegedStack) -> None:
    """Each right that is deployed is one that a job here needs, or one that can't be enforced here.

    And each that is written down here is deployed, once.
    """
    enforced = [str(right) for right in stack.rights.all() if reason(right) is None]
    known = [*JOBS, *RECORDS]
    assert sorted(enforced) == sorted(known), (
        "a right that isn't in JOBS: if there is a job that needs it, name it there, else take the"
        " right from the template. One that is only in JOBS isn't deployed; one that is here twice"
        " is allowed by two statements."
    )
    reasons = {reason(right) for right in stack.rights.all()} - {None}
    assert reasons == set(UNENFORCED.values()), "a reason that no right needs"


def test_rights_suffice(stack: PrivilegedStack) -> None:
    """With just these rights every job is done, and everything reconciles."""
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
    assert stack.deployment.token_server.minted == 1, "each run after the first finds the token"

    found = stack.reconciled()
    assert found.is_balanced
    assert found.copies == 0
    assert stack.replay(dry_run=False, rate=0)["messages"] == len(found.archived) - 1, "lines"
    assert stack.compact()["status"] == "SUCCEEDED"


def test_each_right_is_needed(stack: PrivilegedStack, subtests: pytest.Subtests) -> None:
    """Without any one of them its job fails, says which it lacks, and is well once it is back.

    Until then nothing is acked that isn't in both places.
    """
    for right in stack.rights.all():
        if (job := JOBS.get(str(right))) is None:
            continue
        with subtests.test(str(right)):
            with stack.rights.without([right]):
                complaints = job(stack)
            assert right.action in complaints, f"not named as what is missing, but: {complaints!r}"
            assert right.resource.rpartition(":")[2].partition("/")[0] in complaints, (
                "where it is missing"
            )
            found = stack.reconciled()
            assert found.acked <= found.archived.keys() & found.queued.keys()

            assert job(stack) == "", "it still fails, although the right is back"
            assert stack.reconciled().is_balanced


def test_failed_start_is_recorded_by_right(
    stack: PrivilegedStack, subtests: pytest.Subtests
) -> None:
    """If a schedule may not start its target, its queue says so, if it may send to that queue."""
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
    """Without all rights that are said not to be enforced here, every job is done nonetheless.

    If this fails, the embedded AWS has learnt to enforce some of them: they are cases then.
    """
    with stack.rights.without([right for right in stack.rights.all() if reason(right)]):
        assert drain_and_mint(stack) == drain_unreadable(stack) == replay(stack) == ""
        assert start_drain(stack) == start_compaction(stack) == ""
        assert stack.compact()["status"] == "SUCCEEDED"
    assert stack.reconciled().is_balanced
