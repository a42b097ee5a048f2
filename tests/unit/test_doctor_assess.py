"""The doctor's judgement: pure code over facts."""

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
from drainctl.doctor.findings import Status
from drainctl.doctor.questions import NoAnswer
from eventdrain.auth import StaticToken
from eventdrain.events import STREAMS
from tests.unit.doctor_facts import (
    DRAIN,
    NOW,
    QUEUE,
    RUN,
    SCOPE,
    STACK,
    STARTS,
    STREAM,
    WELL,
    assess,
    found,
    with_parameters,
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
    """Every check has one line, in the order in which they are looked at, with a tick."""
    findings = assess(WELL)
    assert [each.check for each in findings] == CHECKS
    assert {each.status for each in findings} == {OK}
    assert {each.hint for each in findings} == {""}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("CREATE_COMPLETE", OK),
        ("UPDATE_ROLLBACK_COMPLETE", WARNING),
        ("UPDATE_IN_PROGRESS", WARNING),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", WARNING),
        ("ROLLBACK_COMPLETE", PROBLEM),
        ("UPDATE_ROLLBACK_FAILED", PROBLEM),
        ("CREATE_FAILED", PROBLEM),
    ],
)
def test_status(state: str, status: Status) -> None:
    """A stack is well when it is complete; one that was put back is to be looked at."""
    (finding,) = found("stack", stack=replace(STACK, status=state, reason="made up"))
    assert finding.status is status
    assert f"{state} (made up)" in finding.message
    assert bool(finding.hint) is (status is not OK)


@pytest.mark.parametrize(
    ("outputs", "told"), [({"Version": "1.0.0"}, "1.0.0"), ({}, "no output Version")]
)
def test_version(outputs: dict[str, str], told: str) -> None:
    """Another version than this checkout's is to be looked at, and no reason to call it wrong."""
    (finding,) = found("version", stack=replace(STACK, outputs=outputs))
    assert (finding.status, told in finding.message) == (WARNING, True)


@pytest.mark.parametrize(
    ("parameters", "status", "told"),
    [
        ({"ScheduleExpression": "rate(30 minutes)"}, PROBLEM, "gaps of 30 minutes"),
        ({"ScheduleExpression": "cron(0 * * * ? *)"}, PROBLEM, "gaps of 60 minutes"),
        ({"ScheduleExpression": "rate(10 minutes)"}, WARNING, "above 5 the alarm"),
        ({"ScheduleExpression": "cron(0 8 * * ? *)"}, WARNING, "are unknown"),
        ({"StartPosition": "new"}, WARNING, "StartPosition"),
        ({"ApiEndpoint": "https://sandbox.api.wgtwo.com:443"}, WARNING, "sandbox"),
        ({"OldestEventAgeSeconds": "1800"}, WARNING, "OldestEventAgeSeconds"),
        ({"IdleSeconds": "60", "WindowSeconds": "60"}, WARNING, "IdleSeconds"),
        ({"ReservedConcurrency": "4"}, WARNING, "needs 5 concurrent runs"),
    ],
)
def test_risky_parameters(parameters: dict[str, str], status: Status, told: str) -> None:
    """Each risky parameter is named, with the command that mends it."""
    (finding,) = found("parameters", with_parameters(**parameters))
    assert finding.status is status
    assert told in finding.message
    assert "sam deploy --parameter-overrides" in finding.hint


def test_commands_can_be_pasted() -> None:
    """A hint is quoted for a shell, and says the stack's region."""
    (finding,) = found("parameters", with_parameters(ScheduleExpression="rate(30 minutes)"))
    assert finding.hint.endswith("""'ScheduleExpression="rate(5 minutes)"'""")
    assert STACK.aws("logs tail", "a b") == "aws logs tail 'a b' --region eu-west-1"


@pytest.mark.parametrize("reserved", ["none", "5"])
def test_enough_concurrency(reserved: str) -> None:
    """No reservation, or one for all runs of a backlog, is well."""
    facts = with_parameters(ReservedConcurrency=reserved)
    assert [each.status for each in found("parameters", facts)] == [OK]


@pytest.mark.parametrize(
    ("changed", "status", "told"),
    [
        ({"state": "Failed", "reason": "made up"}, PROBLEM, "Failed, with 3 layers (made up)"),
        ({"state": "Pending"}, PROBLEM, "Pending"),
        ({"update": "Failed"}, PROBLEM, "last update of drain failed"),
        ({"reserved": 0}, PROBLEM, "no run can start"),
        ({"timeout_seconds": 60}, PROBLEM, "times out after 60 s"),
        ({"account_left": 4}, WARNING, "has a concurrency of 4"),
    ],
)
def test_functions(changed: dict[str, Any], status: Status, told: str) -> None:
    """A function that can't run, or not long enough, or not often enough, is told."""
    (finding,) = found("functions", functions=(replace(DRAIN, **changed),))
    assert (finding.status, told in finding.message, bool(finding.hint)) == (status, True, True)


def test_reservation_was_taken_away() -> None:
    """A reservation that the parameters ask for and the function has not is to be looked at."""
    (finding,) = found("functions", with_parameters(ReservedConcurrency="9"))
    assert finding.status is WARNING
    assert "--reserved-concurrent-executions 9" in finding.hint


@pytest.mark.parametrize(
    ("key", "status", "hint"),
    [
        (None, OK, ""),
        (Key("arn:key", "Disabled", is_rotated=True), PROBLEM, "kms enable-key"),
        (Key("arn:key", "PendingDeletion", is_rotated=True), PROBLEM, "kms cancel-key-deletion"),
        (Key("arn:key", "Enabled", is_rotated=False), WARNING, "kms enable-key-rotation"),
    ],
)
def test_key(key: Key | None, status: Status, hint: str) -> None:
    """A key that is not enabled is wrong: without it nothing is read or written."""
    (finding,) = found("key", key=key)
    assert finding.status is status
    assert hint in finding.hint


def test_bare_token_is_looked_at() -> None:
    """A token that was given to us ends some day, and nobody renews it."""
    (finding,) = found("credentials", credentials=StackCredentials(StaticToken("made-up-secret")))
    assert finding.status is WARNING
    assert "made-up-secret" not in repr(finding)


@pytest.mark.parametrize(
    ("token", "status", "told"),
    [
        (Token(Origin.GIVEN, "made-up"), OK, "the check `stream` shows"),
        (Token(Origin.CACHED, "made-up", "", (SCOPE,)), OK, "is granted"),
        (Token(Origin.MINTED, "made-up", "", (), is_complete=False), WARNING, "did not answer"),
        (Token(Origin.CACHED, "made-up", "", (), expires=NOW), PROBLEM, "is not granted"),
        (NoAnswer("made up"), Status.SKIPPED, "there is no token"),
    ],
)
def test_scope(token: Token | NoAnswer, status: Status, told: str) -> None:
    """A scope that was refused is wrong; one that is not known to be is not."""
    (finding,) = found("scope", token=token)
    assert (finding.status, finding.event_type) == (status, STREAM)
    assert told in finding.message


def test_refused_scope_tells_when_it_takes_effect() -> None:
    """Once granted, a scope takes effect with the token after the one that is kept."""
    token = Token(Origin.CACHED, "made-up", "", (), expires=NOW + timedelta(minutes=7))
    (finding,) = found("scope", token=token)
    assert finding.hint.endswith("by 12:07 UTC")


def test_stream_without_scope() -> None:
    """A stream that needs no scope is well in that respect whatever becomes of the token."""
    facts = with_parameters(EventTypes="consent_change")
    assert STREAMS["consent_change"].scope == ""
    (finding,) = found("scope", facts, token=NoAnswer("made up"))
    assert finding.status is OK


@pytest.mark.parametrize(
    ("fact", "check"),
    [
        ("functions", "functions"),
        ("key", "key"),
        ("credentials", "credentials"),
        ("token", "token"),
        ("reached", "endpoint"),
        ("schedules", "schedule"),
        ("runs", "last run"),
        ("dead_letters", "dead letters"),
        ("quarantine", "quarantine"),
        ("alarms", "alarms"),
        ("topic", "alarm topic"),
        ("executions", "compaction"),
    ],
)
@pytest.mark.parametrize("is_skipped", [False, True])
def test_no_answer(fact: str, check: str, is_skipped: bool) -> None:  # noqa: FBT001 - a parameter
    """What can't be asked for is a cross, or skipped, with the reason; other checks go on."""
    answer = NoAnswer("the reason", "the hint", is_skipped)
    facts = replace(WELL, **{fact: answer})  # type: ignore[arg-type]
    (finding,) = found(check, facts)
    assert finding.status is (Status.SKIPPED if is_skipped else PROBLEM)
    assert (finding.message, finding.hint) == ("the reason", "the hint")
    others = [each for each in assess(facts) if each.check not in {check, "scope"}]
    assert {each.status for each in others} == {OK}


def test_refused_stream() -> None:
    """A stream that the server refuses is a cross of that stream."""
    (finding,) = found("stream", streams={STREAM: NoAnswer("refused", "ask")})
    assert (finding.status, finding.title) == (PROBLEM, f"stream {STREAM}")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("ENABLED", "somebody has disabled"), ("DISABLED", "the parameter ScheduleState")],
)
def test_disabled_schedule(wanted: str, told: str) -> None:
    """A disabled schedule is wrong either way; who did it decides on what helps."""
    schedules = (Schedule("made-up", STREAM, "rate(5 minutes)", is_enabled=False),)
    (finding,) = found("schedule", with_parameters(ScheduleState=wanted), schedules=schedules)
    assert (finding.status, told in finding.message) == (PROBLEM, True)
    assert ("ScheduleState=ENABLED" in finding.hint) is (wanted == "DISABLED")


def test_no_schedule() -> None:
    """A stream without a schedule is wrong."""
    (finding,) = found("schedule", schedules=())
    assert finding.status is PROBLEM


def runs(
    *minutes_ago: int,
    reason: str = "idle",
    age: float | None = 30.0,
    error: str = "",
    has_backlog: bool = False,
) -> Any:
    """Give facts of runs that ended so long ago."""
    return {
        STREAM: tuple(
            replace(
                RUN,
                ended=NOW - timedelta(minutes=each),
                end_reason=reason,
                oldest_age_seconds=age,
                error=error,
                has_backlog=has_backlog,
            )
            for each in minutes_ago
        )
    }


@pytest.mark.parametrize(
    ("last", "status", "told"),
    [
        (runs(14), OK, "ended 14 min ago as idle, 10 of 10 events ack"),
        (runs(16), PROBLEM, "another run was due"),
        (runs(45), PROBLEM, "events older than 30 minutes are lost"),
        (runs(1, reason="failed", error="what to do"), PROBLEM, "ended 60 s ago as failed"),
        (runs(1, reason="failed"), PROBLEM, "failed"),
        ({}, PROBLEM, "no run has ended in the last 6 hours"),
    ],
)
def test_last_run(last: Any, status: Status, told: str) -> None:
    """It is wrong where it failed, and where another was due: two starts and a run (15 min)."""
    (finding,) = found("last run", runs=last)
    assert (finding.status, told in finding.message) == (status, True), finding
    assert bool(finding.hint) is (status is PROBLEM)


def test_error_of_the_run_is_told() -> None:
    """What a failed run said itself is the line."""
    (finding,) = found("last run", runs=runs(1, reason="failed", error="it says what to do"))
    assert finding.message.endswith(": it says what to do")


@pytest.mark.parametrize(
    ("acked", "failed", "status", "told"),
    [
        (0, (("S3", 10),), PROBLEM, "0 of 10 events acknowledged; S3 failed for 10"),
        (0, (("SQS", 9), ("ack", 1)), PROBLEM, "SQS failed for 9, ack failed for 1"),
        (9, (("S3", 1),), WARNING, "S3 failed for 1"),
        (9, (), OK, "9 of 10 events ack"),
    ],
)
def test_run_that_completed_and_kept_nothing(
    acked: int, failed: tuple[tuple[str, int], ...], status: Status, told: str
) -> None:
    """A run that completes while S3 or SQS is away is no good one; what came too late is."""
    run = replace(RUN, acked=acked, failed=failed)
    (finding,) = found("last run", runs={STREAM: (run,)})
    assert (finding.status, told in finding.message) == (status, True), finding
    assert ("what was left and why" in finding.hint) is bool(failed)


def test_new_stack_has_no_runs() -> None:
    """Just deployed, no run is due."""
    (finding,) = found("last run", stack=replace(STACK, since=NOW - timedelta(minutes=5)), runs={})
    assert (finding.status, finding.message) == (OK, "no run was due yet")


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (runs(1, age=None), OK),
        (runs(1, age=900), OK),
        (runs(1, age=901), WARNING),
        (runs(1, age=1800), PROBLEM),
        (runs(3, 2, reason="window", has_backlog=True), OK),
        (runs(3, 2, 1, reason="window"), OK),
        (runs(3, 2, 1, reason="window", has_backlog=True), WARNING),
        (runs(3, 2, 1, reason="limit", has_backlog=True), WARNING),
    ],
)
def test_lag(last: Any, status: Status) -> None:
    """Events older than the parameter, or three runs in a row with more waiting, are a lag.

    A lively stream, whose runs all end by their window with nothing waiting, has none.
    """
    (finding,) = found("lag", runs=last)
    assert finding.status is status


def test_dead_letters() -> None:
    """Each queue that has messages is a line, with its own hint."""
    queue, starts = found(
        "dead letters", dead_letters=(replace(QUEUE, messages=3), replace(STARTS, messages=1))
    )
    assert (queue.status, starts.status) == (PROBLEM, PROBLEM)
    assert "start-message-move-task --source-arn arn:queue" in queue.hint
    assert "ERROR_CODE" in starts.hint


@pytest.mark.parametrize(
    ("recent", "is_all", "status", "told"),
    [
        (2, True, WARNING, "2 events"),
        (2, False, WARNING, "2 or more events"),
        (0, False, WARNING, "too many events to tell"),
        (0, True, OK, "no event came"),
    ],
)
def test_quarantine(recent: int, is_all: bool, status: Status, told: str) -> None:  # noqa: FBT001
    """New events in quarantine are to be looked at; so is a quarantine too full to be listed."""
    quarantine = Quarantine("s3://made-up/", recent, NOW if recent else None, is_all)
    (finding,) = found("quarantine", quarantine=quarantine)
    assert (finding.status, told in finding.message) == (status, True)


def test_alarms() -> None:
    """Each alarm that rings is a line whose hint is the alarm's own; the others are none."""
    alarms = [Alarm(n, "ALARM", f"do {n}") for n in ("a", "b")]
    quiet = Alarm("c", "INSUFFICIENT_DATA", "")
    findings = found("alarms", alarms=(*alarms, quiet))
    assert [(each.status, each.hint) for each in findings] == [(PROBLEM, "do a"), (PROBLEM, "do b")]
    assert [each.status for each in found("alarms", alarms=())] == [WARNING]


def test_muted_alarms() -> None:
    """Alarms whose actions somebody has switched off tell nobody: one line, with the hint."""
    muted = [Alarm(name, "OK", "", notifies=False) for name in ("a", "b")]
    (finding,) = found("alarms", alarms=(*muted, Alarm("c", "OK", "")))
    assert (finding.status, "2 of 3" in finding.message) == (WARNING, True)
    assert "enable-alarm-actions --alarm-names a b" in finding.hint


@pytest.mark.parametrize(
    ("topic", "status", "told"),
    [
        (None, WARNING, "alarms notify nobody"),
        (Topic("arn:topic", 0, 0), WARNING, "nobody is subscribed"),
        (Topic("arn:topic", 0, 1), WARNING, "no subscription is confirmed (1 pending)"),
        (Topic("arn:topic", 2, 1), OK, "2 confirmed, 1 pending"),
    ],
)
def test_topic(topic: Topic | None, status: Status, told: str) -> None:
    """Alarms that nobody hears are to be looked at."""
    (finding,) = found("alarm topic", topic=topic)
    assert (finding.status, told in finding.message) == (status, True)


@pytest.mark.parametrize(
    ("facts", "executions", "status", "told"),
    [
        (WELL, None, OK, "no catalogue"),
        (WELL, ("FAILED",), WARNING, "1 of the last day's"),
        (WELL, ("SUCCEEDED", "TIMED_OUT", "ABORTED"), WARNING, "2 of the last day's"),
        (WELL, ("RUNNING",), OK, "RUNNING"),
        (WELL, (), WARNING, "never run"),
        (with_parameters(CompactionState="DISABLED"), (), WARNING, "disabled"),
    ],
)
def test_compaction(
    facts: Facts, executions: tuple[str, ...] | None, status: Status, told: str
) -> None:
    """A compaction that failed loses nothing: it is to be looked at."""
    found_executions = (
        None
        if executions is None
        else tuple(
            Execution(f"arn:{status}", status, NOW - timedelta(hours=hours + 1))
            for hours, status in enumerate(executions)
        )
    )
    (finding,) = found("compaction", facts, executions=found_executions)
    assert (finding.status, told in finding.message) == (status, True)


def test_old_failures_are_forgotten() -> None:
    """A failure of days ago was told then; the executions since are what counts."""
    executions = (
        Execution("arn:new", "SUCCEEDED", NOW - timedelta(hours=10)),
        Execution("arn:old", "FAILED", NOW - timedelta(days=3)),
    )
    assert [each.status for each in found("compaction", executions=executions)] == [OK]
