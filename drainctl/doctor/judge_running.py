"""How it runs: schedules, last runs, lag, dead letters, quarantine, alarms, compaction."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from drainctl.doctor import judge_runs
from drainctl.doctor.facts_of_running import QUARANTINE_DAYS
from drainctl.doctor.judging import bad, good, judged, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from drainctl.doctor.facts import Facts
    from drainctl.doctor.facts_of_running import Alarm, DeadLetters, Execution, Quarantine, Schedule
    from drainctl.doctor.facts_of_stack import Stack, Topic
    from drainctl.doctor.finding import Finding

_DAY: Final = timedelta(hours=26)
"""A day, and the time that a compaction may take."""
_FAILED: Final = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
_QUEUE: Final = "OutboxDeadLetterQueueUrl"


def findings(facts: Facts) -> Iterator[Finding]:
    """Judge how it runs."""
    stack, now = facts.stack, facts.now
    yield from judged("schedule", facts.schedules, partial(_schedules, stack))
    yield from judged("last run", facts.runs, partial(judge_runs.findings, stack, now))
    yield from judged("dead letters", facts.dead_letters, partial(_dead_letters, stack))
    yield from judged("quarantine", facts.quarantine, partial(_quarantine, stack))
    yield from judged("alarms", facts.alarms, partial(_alarms, stack))
    yield from judged("alarm topic", facts.topic, partial(_topic, stack))
    yield from judged("compaction", facts.executions, partial(_compaction, stack, now))


def _schedules(stack: Stack, schedules: tuple[Schedule, ...]) -> Iterator[Finding]:
    wanted = stack.parameters.get("ScheduleState", "ENABLED")
    for event_type in stack.event_types:
        own = [each for each in schedules if each.event_type == event_type]
        disabled = [each for each in own if not each.is_enabled]
        if not own:
            yield bad("schedule", "there is none", "deploy the stack again: sam deploy", event_type)
        elif disabled and wanted == "ENABLED":
            yield bad(
                "schedule",
                "it is disabled, by hand: no run starts",
                f"enable it in the console of EventBridge Scheduler: {disabled[0].name}",
                event_type,
            )
        elif disabled:
            yield bad(
                "schedule",
                "it is disabled, by the parameter ScheduleState: no run starts",
                f"{stack.deploy(ScheduleState='ENABLED')}, and in samconfig.toml, if it is there",
                event_type,
            )
        else:
            yield good("schedule", f"enabled, {own[0].expression}", event_type)


def _dead_letters(stack: Stack, queues: tuple[DeadLetters, ...]) -> Iterator[Finding]:
    check = "dead letters"
    for each in queues:
        if not each.messages:
            continue
        if each.output == _QUEUE:
            move = stack.command("sqs start-message-move-task", "--source-arn", each.arn)
            yield bad(
                check,
                f"messages that a consumer received and never deleted: {each.messages}",
                f"mend the consumer, then move them back: {move}",
            )
        else:
            receive = stack.command(
                "sqs receive-message", "--message-attribute-names", "All", "--queue-url", each.url
            )
            yield bad(
                check,
                f"starts that couldn't be handed to function or compaction: {each.messages}",
                f"ERROR_CODE says why; mend that, then purge the queue: {receive}",
            )
    if not any(each.messages for each in queues):
        yield good(check, "both dead-letter queues are empty")


def _quarantine(stack: Stack, quarantine: Quarantine) -> Iterator[Finding]:
    among = "" if quarantine.is_all else " or more"
    if quarantine.recent:
        newest = f"{quarantine.newest:%Y-%m-%d %H:%M} UTC" if quarantine.newest else "unknown"
        yield look(
            "quarantine",
            f"{quarantine.recent}{among} events of the last {QUARANTINE_DAYS} days can't become a"
            f" line, the newest of {newest}",
            "each says why in its field `reason`: "
            + stack.command("s3 ls", "--recursive", quarantine.prefix),
        )
    elif not quarantine.is_all:
        yield look(
            "quarantine",
            "it holds more events than were listed: whether some are new can't be told",
            stack.command("s3 ls", "--recursive", quarantine.prefix),
        )
    else:
        yield good("quarantine", f"nothing came in the last {QUARANTINE_DAYS} days")


def _alarms(stack: Stack, alarms: tuple[Alarm, ...]) -> Iterator[Finding]:
    ringing = [each for each in alarms if each.state == "ALARM"]
    for each in ringing:
        history = stack.command(
            "cloudwatch describe-alarm-history", "--alarm-name", each.name, "--max-items", "5"
        )
        yield bad("alarms", f"{each.name} is in ALARM", each.description or history)
    muted = [each for each in alarms if not each.tells]
    if muted:
        yield look(
            "alarms",
            f"{len(muted)} of {len(alarms)} tell nobody: their actions are switched off, by hand",
            stack.command(
                "cloudwatch enable-alarm-actions", "--alarm-names", *(each.name for each in muted)
            ),
        )
    if not alarms:
        yield look("alarms", "the stack has none", "deploy it from this version: sam deploy")
    elif not ringing and not muted:
        yield good("alarms", f"none of {len(alarms)} is in ALARM")


def _topic(stack: Stack, topic: Topic | None) -> Iterator[Finding]:
    if topic is None:
        yield look(
            "alarm topic",
            "alarms are told to nobody",
            stack.deploy(AlarmTopicArn="arn:..."),
        )
        return
    subscribe = stack.command(
        "sns subscribe",
        "--topic-arn",
        topic.arn,
        "--protocol",
        "email",
        "--notification-endpoint",
        "you@example.com",
    )
    if not topic.confirmed and topic.pending:
        yield look(
            "alarm topic",
            f"none of its subscriptions is confirmed, {topic.pending} wait",
            "open the link in the mail that AWS sent; it is good for two days",
        )
    elif not topic.confirmed:
        yield look("alarm topic", "nobody is subscribed to it", subscribe)
    else:
        waiting = f", {topic.pending} wait for it" if topic.pending else ""
        yield good("alarm topic", f"subscriptions confirmed: {topic.confirmed}{waiting}")


def _compaction(
    stack: Stack, now: datetime, executions: tuple[Execution, ...] | None
) -> Iterator[Finding]:
    check = "compaction"
    if executions is None:
        yield good(check, "there is none: the stack has no catalogue")
        return
    failed = [each for each in executions if each.status in _FAILED and now - each.started < _DAY]
    if failed:
        newest = failed[0]
        yield look(
            check,
            f"{len(failed)} of the last day's executions did not succeed, the newest is"
            f" {newest.status}, started {newest.started:%Y-%m-%d %H:%M} UTC; queries read lines"
            " instead",
            "see the cause, then start it again as docs/compaction.md says: "
            + stack.command("stepfunctions describe-execution", "--execution-arn", newest.arn),
        )
    elif stack.parameters.get("CompactionState") == "DISABLED":
        yield look(
            check,
            "its schedules are disabled: queries read the lines of more and more days",
            stack.deploy(CompactionState="ENABLED"),
        )
    elif executions:
        newest = executions[0]
        yield good(check, f"{newest.status}, started {newest.started:%Y-%m-%d %H:%M} UTC")
    elif now - stack.since < _DAY:
        yield good(check, "none was due yet")
    else:
        yield look(
            check,
            "it has never run",
            "check CompactionSchedule, and the dead letters of the schedules",
        )
