"""How the stack runs: schedules, last runs, lag, dead letters, quarantine, alarms, compaction."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from drainctl.doctor.facts import HISTORY_MINUTES, QUARANTINE_DAYS, RUN_SPANS
from drainctl.doctor.findings import assessed, ok, problem, warning
from drainctl.doctor.schedule_gap import longest_gap
from drainctl.plan import TIMEOUT_MARGIN_SECONDS
from drainctl.shell import deploy_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from drainctl.doctor.facts import (
        Alarm,
        DeadLetters,
        Execution,
        Facts,
        Quarantine,
        Run,
        Schedule,
        Topic,
    )
    from drainctl.doctor.findings import Finding
    from drainctl.stack import Stack

_LAST_RUN: Final = "last run"
_LAG: Final = "lag"
_BACKLOG_RUNS: Final = 3
_HISTORY: Final = timedelta(minutes=HISTORY_MINUTES)
_LOSES: Final = f"the event server keeps events for {HISTORY_MINUTES} minutes only"
_DAY: Final = timedelta(hours=26)
"""A day plus the time that a compaction may take."""
_FAILED: Final = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
_QUEUE: Final = "OutboxDeadLetterQueueUrl"


def findings(facts: Facts) -> Iterator[Finding]:
    """Yield the findings."""
    stack, now = facts.stack, facts.now
    yield from assessed("schedule", facts.schedules, partial(_schedules, stack))
    yield from assessed(_LAST_RUN, facts.runs, partial(_runs, stack, now))
    yield from assessed("dead letters", facts.dead_letters, partial(_dead_letters, stack))
    yield from assessed("quarantine", facts.quarantine, partial(_quarantine, stack))
    yield from assessed("alarms", facts.alarms, partial(_alarms, stack))
    yield from assessed("alarm topic", facts.topic, partial(_topic, stack))
    yield from assessed("compaction", facts.executions, partial(_compaction, stack, now))


def _schedules(stack: Stack, schedules: tuple[Schedule, ...]) -> Iterator[Finding]:
    check, wanted = "schedule", stack.parameters.get("ScheduleState", "ENABLED")
    for event_type in stack.event_types:
        own = [each for each in schedules if each.event_type == event_type]
        disabled = [each for each in own if not each.is_enabled]
        if not own:
            hint = "deploy the stack again: sam deploy"
            yield problem(check, "this stream has no schedule", hint, event_type)
        elif disabled and wanted == "ENABLED":
            yield problem(
                check,
                "somebody has disabled the schedule, so no run starts",
                f"enable it in the console of EventBridge Scheduler: {disabled[0].name}",
                event_type,
            )
        elif disabled:
            yield problem(
                check,
                "the parameter ScheduleState disables the schedule, so no run starts",
                f"{deploy_command({'ScheduleState': 'ENABLED'})}, and change it in samconfig.toml"
                " if it is there",
                event_type,
            )
        else:
            yield ok(check, f"enabled, {own[0].expression}", event_type)


def _runs(stack: Stack, now: datetime, runs: Mapping[str, tuple[Run, ...]]) -> Iterator[Finding]:
    for event_type in stack.event_types:
        own = runs.get(event_type, ())
        if own:
            yield _last_run(stack, now, event_type, own[-1])
            yield _lag(stack, event_type, own)
        elif now - stack.since < _due(stack):
            yield ok(_LAST_RUN, "no run was due yet", event_type)
        else:
            hours = RUN_SPANS[-1].total_seconds() / 3600
            message = f"no run has ended in the last {hours:g} hours: {_LOSES}"
            yield problem(_LAST_RUN, message, _why_none(stack), event_type)


def _last_run(stack: Stack, now: datetime, event_type: str, run: Run) -> Finding:
    ago = now - run.ended
    message = (
        f"ended {_spoken(ago)} ago as {run.end_reason}, {run.acked:,} of {run.received:,} events"
        " acknowledged"
    )
    if run.end_reason == "failed":
        hint = "do what the error says" if run.error else f"find out why: {_log(stack)}"
        error = f": {run.error}" if run.error else ""
        return problem(_LAST_RUN, message + error, hint, event_type)
    if ago >= _HISTORY:
        message += f": events older than {HISTORY_MINUTES} minutes are lost"
        return problem(_LAST_RUN, message, _why_none(stack), event_type)
    if ago > _due(stack):
        message += f", and another run was due: {_LOSES}"
        return problem(_LAST_RUN, message, _why_none(stack), event_type)
    if run.failed:
        failed = ", ".join(f"{what} failed for {count:,}" for what, count in run.failed)
        return (warning if run.acked else problem)(
            _LAST_RUN,
            f"{message}; {failed}: the server will send these again",
            "run the saved query `what was left and why` to see the error codes, or read the log: "
            + _log(stack),
            event_type,
        )
    return ok(_LAST_RUN, message, event_type)


def _lag(stack: Stack, event_type: str, runs: tuple[Run, ...]) -> Finding:
    limit = stack.number("OldestEventAgeSeconds") or HISTORY_MINUTES * 30
    age = runs[-1].oldest_age_seconds or 0.0
    more = "raise Pullers, ParallelStreams or MemorySize, see docs/scale.md"
    message = f"the oldest event of the last run was {_spoken(timedelta(seconds=age))} old"
    if age >= _HISTORY.total_seconds():
        return problem(_LAG, f"{message}: older events may be lost", more, event_type)
    if age > limit:
        return warning(_LAG, f"{message}, above OldestEventAgeSeconds ({limit})", more, event_type)
    last = runs[-_BACKLOG_RUNS:]
    if len(last) == _BACKLOG_RUNS and all(each.has_backlog for each in last):
        message = (
            f"the last {_BACKLOG_RUNS} runs ended as {last[-1].end_reason} while events waited"
        )
        return warning(_LAG, message, more, event_type)
    return ok(
        _LAG, message if runs[-1].received else "no event waited for the last run", event_type
    )


def _due(stack: Stack) -> timedelta:
    """Return within what time a run must have ended: two schedule gaps and one run."""
    gap = longest_gap(stack.parameters.get("ScheduleExpression", "")) or _HISTORY / 2
    run = timedelta(seconds=stack.number("WindowSeconds") + TIMEOUT_MARGIN_SECONDS)
    return 2 * gap + run


def _why_none(stack: Stack) -> str:
    return f"check that its schedule is enabled, and read the log: {_log(stack)}"


def _log(stack: Stack) -> str:
    group = stack.outputs.get("DrainEventsLogGroupName", "")
    return stack.aws("logs tail", group, "--since", "1h")


def _spoken(span: timedelta) -> str:
    seconds = max(0.0, span.total_seconds())
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 3600:.0f} h"


def _dead_letters(stack: Stack, queues: tuple[DeadLetters, ...]) -> Iterator[Finding]:
    check = "dead letters"
    for each in queues:
        if not each.messages:
            continue
        if each.output == _QUEUE:
            move = stack.aws("sqs start-message-move-task", "--source-arn", each.arn)
            yield problem(
                check,
                f"messages that a consumer received but never deleted: {each.messages}",
                f"fix the consumer, then move them back: {move}",
            )
        else:
            receive = stack.aws(
                "sqs receive-message", "--message-attribute-names", "All", "--queue-url", each.url
            )
            yield problem(
                check,
                f"scheduled starts that failed: {each.messages}",
                f"read ERROR_CODE in the messages, fix the cause, then purge the queue: {receive}",
            )
    if not any(each.messages for each in queues):
        yield ok(check, "both dead-letter queues are empty")


def _quarantine(stack: Stack, quarantine: Quarantine) -> Iterator[Finding]:
    check = "quarantine"
    listing = stack.aws("s3 ls", "--recursive", quarantine.prefix)
    or_more = "" if quarantine.is_complete else " or more"
    if quarantine.recent:
        newest = f"{quarantine.newest:%Y-%m-%d %H:%M} UTC" if quarantine.newest else "unknown"
        yield warning(
            check,
            f"{quarantine.recent}{or_more} events of the last {QUARANTINE_DAYS} days could not be"
            f" turned into a line; the newest came at {newest}",
            f"each has the cause in its field `reason`: {listing}",
        )
    elif not quarantine.is_complete:
        yield warning(
            check,
            "it holds too many events to find out whether some are new",
            f"list them: {listing}",
        )
    else:
        yield ok(check, f"no event came in the last {QUARANTINE_DAYS} days")


def _alarms(stack: Stack, alarms: tuple[Alarm, ...]) -> Iterator[Finding]:
    check = "alarms"
    firing = [each for each in alarms if each.state == "ALARM"]
    for each in firing:
        history = stack.aws(
            "cloudwatch describe-alarm-history", "--alarm-name", each.name, "--max-items", "5"
        )
        yield problem(check, f"{each.name} is in ALARM", each.description or history)
    silent = [each.name for each in alarms if not each.notifies]
    if silent:
        yield warning(
            check,
            f"somebody has disabled the actions of {len(silent)} of {len(alarms)} alarms, so they"
            " notify nobody",
            stack.aws("cloudwatch enable-alarm-actions", "--alarm-names", *silent),
        )
    if not alarms:
        yield warning(check, "the stack has no alarms", "deploy it from this version: sam deploy")
    elif not firing and not silent:
        yield ok(check, f"none of {len(alarms)} alarms is in ALARM")


def _topic(stack: Stack, topic: Topic | None) -> Iterator[Finding]:
    check = "alarm topic"
    if topic is None:
        hint = deploy_command({"AlarmTopicArn": "arn:..."})
        yield warning(check, "there is no topic, so alarms notify nobody", hint)
    elif not topic.confirmed and topic.pending:
        yield warning(
            check,
            f"no subscription is confirmed ({topic.pending} pending), so alarms notify nobody",
            "open the link in the mail that AWS sent; it is valid for two days",
        )
    elif not topic.confirmed:
        yield warning(
            check,
            "the topic has no subscription, so alarms notify nobody",
            stack.aws(
                "sns subscribe",
                *("--topic-arn", topic.arn, "--protocol", "email"),
                *("--notification-endpoint", "you@example.com"),
            ),
        )
    else:
        pending = f", {topic.pending} pending" if topic.pending else ""
        yield ok(check, f"subscriptions: {topic.confirmed} confirmed{pending}")


def _compaction(
    stack: Stack, now: datetime, executions: tuple[Execution, ...] | None
) -> Iterator[Finding]:
    check = "compaction"
    if executions is None:
        yield ok(check, "not needed: the stack has no catalog")
        return
    failed = [each for each in executions if each.status in _FAILED and now - each.started < _DAY]
    if failed:
        newest = failed[0]
        yield warning(
            check,
            f"{len(failed)} of the last day's executions failed, the newest is {newest.status},"
            f" started {newest.started:%Y-%m-%d %H:%M} UTC; queries read lines instead",
            "find out why, then start it again, see docs/compaction.md: "
            + stack.aws("stepfunctions describe-execution", "--execution-arn", newest.arn),
        )
    elif stack.parameters.get("CompactionState") == "DISABLED":
        yield warning(
            check,
            "its schedules are disabled, so queries read the lines of more and more days",
            deploy_command({"CompactionState": "ENABLED"}),
        )
    elif executions:
        newest = executions[0]
        yield ok(check, f"{newest.status}, started {newest.started:%Y-%m-%d %H:%M} UTC")
    elif now - stack.since < _DAY:
        yield ok(check, "no execution was due yet")
    else:
        yield warning(
            check, "it has never run", "check CompactionSchedule, and the check `dead letters`"
        )
