"""The doctor's findings: pure code over facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from drainctl.doctor.facts import (
    Alarm,
    Execution,
    Key,
    Origin,
    Quarantine,
    Schedule,
    StackCredentials,
    Token,
    Topic,
)
from drainctl.doctor.findings import Finding, Status, as_json, lines, summary
from drainctl.doctor.questions import NoAnswer
from eventdrain.auth import StaticToken
from tests.unit.doctor_facts import (
    DRAIN,
    NOW,
    PARAMETERS,
    QUEUE,
    RUN,
    SCOPE,
    STACK,
    STARTS,
    STREAM,
    WELL,
    assess,
    found,
)

if TYPE_CHECKING:
    from drainctl.doctor.facts import Facts

OK, WARNING, PROBLEM = Status.OK, Status.WARNING, Status.PROBLEM
CHECKS = [
    "stack", "version", "parameters", "functions", "key", "credentials", "token", "scope",
    "endpoint", "stream", "schedule", "last run", "lag", "dead letters", "quarantine", "alarms",
    "alarm topic", "compaction",
]  # fmt: skip


def test_all_is_well() -> None:
    """For a healthy stack every check has one line with a tick, in order."""
    findings = assess(WELL)
    assert [each.check for each in findings] == CHECKS
    assert {(each.status, each.hint) for each in findings} == {(OK, "")}


def status(name: str) -> dict[str, Any]:
    """Return facts of a stack with this status."""
    return {"stack": replace(STACK, status=name, reason="made up")}


def given(**parameters: str) -> dict[str, Any]:
    """Return facts of a stack with other parameters."""
    return {"stack": replace(STACK, parameters={**PARAMETERS, **parameters})}


def drain(**changed: Any) -> dict[str, Any]:
    """Return facts of a function that drains."""
    return {"functions": (replace(DRAIN, **changed),)}


def runs(*minutes_ago: int, **changed: Any) -> dict[str, Any]:
    """Return facts of runs that ended so long ago."""
    return {
        "runs": {
            STREAM: tuple(
                replace(RUN, ended=NOW - timedelta(minutes=each), **changed) for each in minutes_ago
            )
        }
    }


def executions(*statuses: str, hours: int = 1) -> dict[str, Any]:
    """Return facts of executions of the compaction, the newest first."""
    found = (
        Execution(f"arn:{name}", name, NOW - timedelta(hours=hours + index))
        for index, name in enumerate(statuses)
    )
    return {"executions": tuple(found)}


def token(*scopes: str, origin: Origin = Origin.CACHED, **more: Any) -> dict[str, Any]:
    """Return facts of a token."""
    return {"token": Token(origin, "made-up", "", scopes, **more)}


def quarantine(recent: int, *, is_complete: bool = True) -> dict[str, Any]:
    """Return facts of a quarantine."""
    return {"quarantine": Quarantine("s3://x/", recent, NOW if recent else None, is_complete)}


DEPLOY = "sam deploy --parameter-overrides"
DISABLED = Schedule("made-up", STREAM, "rate(5 minutes)", is_enabled=False)
BARE = StackCredentials(StaticToken("made-up-secret"))


@pytest.mark.parametrize(
    ("check", "changed", "expected", "message", "hint"),
    [
        ("stack", status("CREATE_COMPLETE"), OK, "CREATE_COMPLETE (made up)", ""),
        ("stack", status("UPDATE_ROLLBACK_COMPLETE"), WARNING, "", "describe-stack-events"),
        ("stack", status("UPDATE_IN_PROGRESS"), WARNING, "", "wait"),
        ("stack", status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), WARNING, "", "wait"),
        ("stack", status("ROLLBACK_COMPLETE"), PROBLEM, "", "sam delete"),
        ("stack", status("UPDATE_ROLLBACK_FAILED"), PROBLEM, "", "describe-stack-events"),
        ("stack", status("CREATE_FAILED"), PROBLEM, "", "describe-stack-events"),
        ("version", {"stack": replace(STACK, outputs={"Version": "1.0"})}, WARNING, "1.0 is", "CH"),
        ("version", {"stack": replace(STACK, outputs={})}, WARNING, "no output Version", "CHANGE"),
        ("functions", drain(state="Failed", reason="why"), PROBLEM, "3 layers (why)", "sam deploy"),
        ("functions", drain(state="Pending"), PROBLEM, "drain is Pending", "sam deploy"),
        ("functions", drain(update="Failed"), PROBLEM, "last update of drain failed", "sam deploy"),
        ("functions", drain(reserved=0), PROBLEM, "no run can start", "delete-function-concurr"),
        ("functions", drain(timeout_seconds=60), PROBLEM, "times out after 60 s", "--timeout 300"),
        ("functions", drain(account_left=4), WARNING, "a concurrency of 4", "lower Pullers"),
        ("key", {"key": None}, OK, "AWS's own keys", ""),
        ("key", {"key": Key("a", "Disabled", is_rotated=True)}, PROBLEM, "", "kms enable-key"),
        ("key", {"key": Key("a", "PendingDeletion", is_rotated=True)}, PROBLEM, "", "cancel-key"),
        ("key", {"key": Key("a", "Enabled", is_rotated=False)}, WARNING, "", "enable-key-rotation"),
        ("credentials", {"credentials": BARE}, WARNING, "nothing renews it", "client's id"),
        ("scope", {"token": Token(Origin.GIVEN, "x")}, OK, "the check `stream` shows", ""),
        ("scope", token(SCOPE), OK, "is granted", ""),
        ("scope", token(is_complete=False), WARNING, "did not answer", "in a few minutes"),
        ("scope", token(expires=NOW + timedelta(minutes=7)), PROBLEM, "not granted", "by 12:07"),
        ("scope", {"token": NoAnswer("made up")}, Status.SKIPPED, "there is no token", ""),
        ("stream", {"streams": {STREAM: NoAnswer("rejected", "ask")}}, PROBLEM, "rejected", "ask"),
        ("schedule", {"schedules": ()}, PROBLEM, "has no schedule", "sam deploy"),
        ("schedule", {"schedules": (DISABLED,)}, PROBLEM, "somebody has disabled", "made-up"),
        # Another run is due after two starts and a run: 15 minutes.
        ("last run", runs(14), OK, "ended 14 min ago as idle, 10 of 10 events ack", ""),
        ("last run", runs(16), PROBLEM, "another run was due", "logs tail"),
        ("last run", runs(45), PROBLEM, "events older than 30 minutes are lost", "logs tail"),
        ("last run", runs(1, end_reason="failed", error="e"), PROBLEM, "ack", "the error says"),
        ("last run", runs(1, end_reason="failed"), PROBLEM, "60 s ago as failed", "logs tail"),
        ("last run", {"runs": {}}, PROBLEM, "no run has ended in the last 6 hours", "logs tail"),
        (
            "last run",
            {"runs": {}, "stack": replace(STACK, since=NOW - timedelta(minutes=5))},
            *(OK, "no run was due yet", ""),
        ),
        ("last run", runs(1, acked=0, failed=(("S3", 10),)), PROBLEM, "S3 failed for 10", "codes"),
        ("last run", runs(1, acked=9, failed=(("SQS", 1),)), WARNING, "SQS failed for 1", "codes"),
        ("last run", runs(1, acked=9), OK, "9 of 10 events acknowledged", ""),
        ("lag", runs(1, oldest_age_seconds=None), OK, "", ""),
        ("lag", runs(1, oldest_age_seconds=900), OK, "15 min old", ""),
        ("lag", runs(1, oldest_age_seconds=901), WARNING, "(900)", "raise Pullers"),
        ("lag", runs(1, oldest_age_seconds=1800), PROBLEM, "may be lost", "raise Pullers"),
        ("lag", runs(3, 2, end_reason="window", has_backlog=True), OK, "", ""),
        ("lag", runs(3, 2, 1, end_reason="window"), OK, "", ""),
        ("lag", runs(3, 2, 1, end_reason="window", has_backlog=True), WARNING, "as window", "Pull"),
        ("lag", runs(3, 2, 1, end_reason="limit", has_backlog=True), WARNING, "as limit", "Pull"),
        ("quarantine", quarantine(2), WARNING, "2 ev", "s3 ls"),
        ("quarantine", quarantine(2, is_complete=False), WARNING, "or more", ""),
        ("quarantine", quarantine(0, is_complete=False), WARNING, "too ma", ""),
        ("alarms", {"alarms": ()}, WARNING, "has no alarms", "sam deploy"),
        ("alarms", {"alarms": (Alarm("a", "INSUFFICIENT_DATA", ""),)}, OK, "none of 1", ""),
        (
            "alarms",
            {"alarms": [Alarm(name, "OK", "", notifies=name == "c") for name in "abc"]},
            *(WARNING, "2 of 3", "enable-alarm-actions --alarm-names a b"),
        ),
        ("alarm topic", {"topic": None}, WARNING, "no topic", "AlarmTopicArn"),
        ("alarm topic", {"topic": Topic("arn", 0, 0)}, WARNING, "no subscription", "sns"),
        ("alarm topic", {"topic": Topic("arn", 0, 1)}, WARNING, "(1 pending)", "open the link"),
        ("alarm topic", {"topic": Topic("arn", 2, 1)}, OK, "2 confirmed, 1 pending", ""),
        ("compaction", {"executions": None}, OK, "no catalog", ""),
        ("compaction", executions("FAILED"), WARNING, "1 of the last day's", "describe-execution"),
        ("compaction", executions("SUCCEEDED", "TIMED_OUT", "ABORTED"), WARNING, "2 of the", "des"),
        ("compaction", executions("FAILED", hours=72), OK, "FAILED", ""),
        ("compaction", executions("RUNNING"), OK, "RUNNING", ""),
        ("compaction", executions(), WARNING, "never run", "CompactionSchedule"),
        ("parameters", given(ScheduleExpression="rate(30 minutes)"), PROBLEM, "of 30 min", DEPLOY),
        ("parameters", given(ScheduleExpression="cron(0 * * * ? *)"), PROBLEM, "60 min", DEPLOY),
        ("parameters", given(ScheduleExpression="rate(10 minutes)"), WARNING, "above 5", DEPLOY),
        ("parameters", given(ScheduleExpression="cron(0 8 * * ? *)"), WARNING, "unknown", DEPLOY),
        ("parameters", given(StartPosition="new"), WARNING, "StartPosition", DEPLOY),
        ("parameters", given(ApiEndpoint="https://sandbox.api.wgtwo.com"), WARNING, "sand", DEPLOY),
        ("parameters", given(OldestEventAgeSeconds="1800"), WARNING, "OldestEventAgeSec", DEPLOY),
        ("parameters", given(IdleSeconds="60", WindowSeconds="60"), WARNING, "IdleSec", DEPLOY),
        ("parameters", given(ReservedConcurrency="4"), WARNING, "needs 5 concurrent runs", DEPLOY),
        ("parameters", given(ReservedConcurrency="5"), OK, "no parameter is risky", ""),
        ("functions", given(ReservedConcurrency="9"), WARNING, "has no", "put-function-conc"),
        (
            "schedule",
            given(ScheduleState="DISABLED") | {"schedules": (DISABLED,)},
            *(PROBLEM, "ScheduleState", "=ENABLED"),
        ),
        (
            "compaction",
            given(CompactionState="DISABLED") | executions(),
            *(WARNING, "disabled", "=ENABLED"),
        ),
        ("scope", given(EventTypes="consent_change"), OK, "needs no scope", ""),
    ],
)  # fmt: skip
def test_check(
    check: str, changed: dict[str, Any], expected: Status, message: str, hint: str
) -> None:
    """Each check has the status, the message and the hint that fit the facts."""
    (finding,) = found(check, **changed)
    assert finding.status is expected
    assert message in finding.message
    assert hint in finding.hint
    assert bool(finding.hint) is (expected in {WARNING, PROBLEM})
    assert "made-up-secret" not in repr(finding)


def test_commands_can_be_pasted() -> None:
    """A hint is quoted for a shell, and names the stack's region and the profile in use."""
    (finding,) = found("parameters", **given(ScheduleExpression="rate(30 minutes)"))
    assert finding.hint.endswith("""'ScheduleExpression="rate(1 minute)"'""")
    stack = replace(STACK, profile="made up")
    command = "aws logs tail 'a b' --region eu-west-1 --profile 'made up'"
    assert stack.aws("logs tail", "a b") == command
    where = "--region eu-west-1 --profile 'made up'"
    assert stack.make("doctor") == f'make doctor STACK={stack.name} ARGS="{where}"'


@pytest.mark.parametrize("is_skipped", [False, True])
@pytest.mark.parametrize(
    ("fact", "check"),
    [
        *((name, name) for name in ("functions", "key", "credentials", "token", "quarantine")),
        *(("reached", "endpoint"), ("schedules", "schedule"), ("runs", "last run")),
        *(("dead_letters", "dead letters"), ("alarms", "alarms"), ("topic", "alarm topic")),
        ("executions", "compaction"),
    ],
)
def test_no_answer(fact: str, check: str, *, is_skipped: bool) -> None:
    """A fact that can't be read is a problem or skipped, with the reason; other checks continue."""
    facts: Facts = replace(WELL, **{fact: NoAnswer("the reason", "the hint", is_skipped)})  # type: ignore[arg-type]
    (finding,) = found(check, facts)
    assert finding.status is (Status.SKIPPED if is_skipped else PROBLEM)
    assert (finding.message, finding.hint) == ("the reason", "the hint")
    others = [each for each in assess(facts) if each.check not in {check, "scope"}]
    assert {each.status for each in others} == {OK}


def test_each_queue_and_alarm_has_a_line() -> None:
    """Each dead-letter queue has its own hint; the hint of an alarm is its description."""
    letters = (replace(QUEUE, messages=3), replace(STARTS, messages=1))
    queue, starts = found("dead letters", dead_letters=letters)
    assert (queue.status, starts.status) == (PROBLEM, PROBLEM)
    assert "start-message-move-task --source-arn arn:queue" in queue.hint
    assert "ERROR_CODE" in starts.hint
    alarms = (*(Alarm(name, "ALARM", f"do {name}") for name in "ab"), Alarm("c", "OK", ""))
    firing = [(each.status, each.hint) for each in found("alarms", alarms=alarms)]
    assert firing == [(PROBLEM, "do a"), (PROBLEM, "do b")]


def test_output() -> None:
    """A line for each finding, its hint below, a summary; and the same as JSON."""
    findings = [
        Finding("stream", OK, "it opens", "", STREAM),
        Finding("key", PROBLEM, "it is disabled", "enable it"),
        Finding("token", Status.SKIPPED, "there is none"),
    ]
    width = len(f"stream {STREAM}")
    assert [line.plain for line in lines(findings)] == [
        f"✓ stream {STREAM}  it opens",
        f"✗ {'key':<{width}}  it is disabled",
        f"  {'':<{width}}  → enable it",
        f"· {'token':<{width}}  Skipped: there is none",
    ]
    assert summary(findings).plain == "1 ok, 1 problem, 1 skipped"
    document = as_json("made-up", findings)
    assert (document["stack"], document["is_well"]) == ("made-up", False)
    assert document["checks"][1] == {
        "check": "key",
        "event_type": None,
        "status": "problem",
        "message": "it is disabled",
        "hint": "enable it",
    }
