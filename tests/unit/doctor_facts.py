"""Facts of a healthy stack, which tests change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from drainctl.doctor import assess_access, assess_running, assess_stack
from drainctl.doctor.facts import (
    Alarm,
    DeadLetters,
    Execution,
    Facts,
    Function,
    Key,
    Origin,
    Quarantine,
    Reached,
    Run,
    Schedule,
    StackCredentials,
    Token,
    Topic,
)
from drainctl.stack import Stack
from eventdrain.events import STREAMS
from eventdrain.ports import ClientCredentials

if TYPE_CHECKING:
    from drainctl.doctor.findings import Finding

STREAM: Final = "handset_change"
SCOPE: Final = STREAMS[STREAM].scope
NOW: Final = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
VERSION: Final = "1.2.3"
PARAMETERS: Final = {
    "EventTypes": STREAM,
    "ApiEndpoint": "https://api.wgtwo.com:443",
    "TokenEndpoint": "https://id.wgtwo.com/oauth2/token",
    "Authentication": "secret",
    "StartPosition": "oldest_possible",
    "ScheduleExpression": "rate(5 minutes)",
    "ScheduleState": "ENABLED",
    "WindowSeconds": "240",
    "IdleSeconds": "5",
    "Pullers": "1",
    "BacklogRuns": "4",
    "OldestEventAgeSeconds": "900",
    "ReservedConcurrency": "none",
    "CompactionState": "ENABLED",
}
STACK: Final = Stack(
    name="made-up-stack",
    arn="arn:aws:cloudformation:eu-west-1:111122223333:stack/made-up-stack/1",
    status="UPDATE_COMPLETE",
    reason="",
    since=NOW - timedelta(days=30),
    parameters=PARAMETERS,
    outputs={"Version": VERSION, "DrainEventsLogGroupName": "made-up-log"},
    region="eu-west-1",
)
DRAIN: Final = Function("drain", "made-up-drain", "Active", "Successful", "", 3, 300, None, 1000)
RUN: Final = Run(NOW - timedelta(minutes=2), "idle", 10, 10, 30.0)
QUEUE: Final = DeadLetters("OutboxDeadLetterQueueUrl", "https://sqs/1", "arn:queue", 0)
STARTS: Final = DeadLetters("ScheduleDeadLetterQueueUrl", "https://sqs/2", "arn:starts", 0)
WELL: Final = Facts(
    now=NOW,
    version=VERSION,
    stack=STACK,
    functions=(DRAIN, replace(DRAIN, duty="replay", timeout_seconds=900)),
    schedules=(Schedule("made-up-schedule", STREAM, "rate(5 minutes)", is_enabled=True),),
    key=Key("arn:key", "Enabled", is_rotated=True),
    credentials=StackCredentials(ClientCredentials("made-up", "made-up-secret"), NOW),
    token=Token(Origin.CACHED, "made-up-token", "", (SCOPE,), expires=NOW + timedelta(minutes=30)),
    reached=Reached("https://api.wgtwo.com:443", is_secure=True),
    streams={STREAM: None},
    runs={STREAM: (RUN,)},
    dead_letters=(QUEUE, STARTS),
    quarantine=Quarantine("s3://made-up/quarantine/", 0, None, is_complete=True),
    alarms=(Alarm("made-up-alarm", "OK", "Look at the log."),),
    topic=Topic("arn:topic", 1, 0),
    executions=(Execution("arn:execution", "SUCCEEDED", NOW - timedelta(hours=10)),),
)


def assess(facts: Facts) -> list[Finding]:
    """Return all findings, in order."""
    return [
        *assess_stack.findings(facts),
        *assess_access.findings(facts),
        *assess_running.findings(facts),
    ]


def found(check: str, facts: Facts | None = None, **changed: Any) -> list[Finding]:
    """Return the findings of one check, with changed facts."""
    return [each for each in assess(replace(facts or WELL, **changed)) if each.check == check]
