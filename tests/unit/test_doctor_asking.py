"""The doctor's questions: their dependencies, runs in a log, the cached token as a proof."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, Final

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from drainctl.doctor.ask_runs import read_runs
from drainctl.doctor.ask_token import why_not_cached
from drainctl.doctor.examination import Examination
from drainctl.doctor.facts import Run, StackCredentials
from drainctl.doctor.questions import NoAnswer, Question, UnansweredError, calling
from drainctl.doctor.schedule_gap import longest_gap
from drainctl.stack import StackError
from eventdrain.ports import AccessToken, ClientCredentials
from tests.unit.doctor_facts import STACK

NOW: Final = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("rate(1 minute)", 1),
        ("rate(2 hours)", 120),
        ("rate(1 day)", 1440),
        ("cron(* * * * ? *)", 1),
        ("cron(*/5 * * * ? *)", 5),
        ("cron(0/7 * ? * * *)", 7),
        ("cron(0,10,50 * * * ? *)", 40),
        ("cron(0-9 * * * ? *)", 51),
        ("cron(15 * * * ? *)", 60),
        ("cron(0 8 * * ? *)", None),
        ("cron(*/0 * * * ? *)", None),
        ("cron(a * * * ? *)", None),
        ("at(2026-11-24T12:00:00)", None),
    ],
)
def test_longest_gap(expression: str, minutes: int | None) -> None:
    """The longest time between two starts; None if some hours have no start."""
    assert longest_gap(expression) == (None if minutes is None else timedelta(minutes=minutes))


def metrics(minutes_ago: int, reason: str, **more: Any) -> str:
    """Return the line of metrics of a run."""
    at = NOW - timedelta(minutes=minutes_ago)
    return json.dumps(
        {
            "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": []},
            "event_type": "handset_change",
            "end_reason": reason,
            "acked": 2,
            "oldest_event_age_seconds": 12.5,
            "Received": [3.0],
            **more,
        }
    )


def test_runs_of_a_log() -> None:
    """Runs are read from metrics, in the order of time; other lines are ignored.

    A run's error is in its metrics, or in the report before them.
    """
    lines = [
        "START RequestId: made-up",
        json.dumps({"report": {"event_type": "handset_change", "error": "do this"}}),
        metrics(3, "failed", OutboxFailed=[2.0], AckFailed=[1.0]),
        metrics(1, "limit", Backlog=[1.0]),
        metrics(9, "idle", Received=[], acked=0),
        '{"level": "INFO", "message": "not a run"}',
        '{"cut off',
        "[1]",
    ]
    idle, failed, limit = (NOW - timedelta(minutes=each) for each in (9, 3, 1))
    refused = (("SQS", 2), ("acknowledgement", 1))
    assert read_runs(lines)["handset_change"] == (
        Run(idle, "idle", 0, 0, None),
        Run(failed, "failed", 3, 2, 12.5, error="do this", failed=refused),
        Run(limit, "limit", 3, 2, 12.5, has_backlog=True),
    )


def test_another_kind_of_stack() -> None:
    """Another stack, or a nested one, is rejected with a hint."""
    examination = Examination(boto3.Session(), Config(), "1.0.0", skips_api=False)
    with pytest.raises(
        StackError, match=r"made-up-stack failed: it is not an event drain.*not of one nested"
    ):
        examination.examine(replace(STACK, parameters={"EventType": "handset_change"}))


def cached(minutes_left: float = 30) -> AccessToken:
    """Return a cached token that lives for an hour."""
    expires_at = NOW + timedelta(minutes=minutes_left)
    return AccessToken("made-up-token", ("a", "b"), expires_at - timedelta(hours=1), expires_at)


@pytest.mark.parametrize(
    ("token", "changed", "reason"),
    [
        (cached(), NOW - timedelta(hours=1), ""),
        (cached(), None, ""),
        (None, None, "no token is cached"),
        (cached(minutes_left=0.5), None, "has expired"),
        (cached(), NOW - timedelta(minutes=1), "older than the credentials"),
    ],
)
def test_cached_token_proves_something(
    token: AccessToken | None, changed: datetime | None, reason: str
) -> None:
    """A token is minted only if the cached one does not show that these credentials get one."""
    credentials = StackCredentials(ClientCredentials("made-up", "made-up"), changed)
    why = why_not_cached(token, credentials, now=NOW)
    assert reason in why
    assert bool(why) is bool(reason)


def soon() -> float:
    """Return a deadline that is far enough away for any machine."""
    return time.monotonic() + 30


def refuse() -> int:
    """Have no answer."""
    raise UnansweredError("made up", "the hint")


def test_questions_hang_on_others() -> None:
    """A question gets the answers that it needs; without one it is skipped, with the reason."""
    one = Question(lambda: 1)
    assert Question(lambda known: known + 1, one).answer(soon()) == 2
    none = Question(refuse, missing="there is none")
    assert none.answer(soon()) == NoAnswer("made up", "the hint")
    skipped = Question(lambda known: known, none)
    assert skipped.answer(soon()) == NoAnswer("there is none", is_skipped=True)


def test_question_that_hangs() -> None:
    """An answer is not awaited beyond the deadline."""
    release = Event()
    answer = Question(release.wait).answer(time.monotonic())
    release.set()
    assert isinstance(answer, NoAnswer)
    assert "timed out" in answer.message


def test_bug_is_raised() -> None:
    """An unexpected error is raised, not treated as an answer."""
    with pytest.raises(ZeroDivisionError):
        Question(lambda: 1 // 0).answer(soon())


def refused(code: str) -> ClientError:
    """Return the error of a call that AWS refuses."""
    return ClientError({"Error": {"Code": code, "Message": "made-up-account"}}, "Look")


@pytest.mark.parametrize(
    ("error", "says", "hint"),
    [
        (refused("AccessDeniedException"), "s3:Look of it is denied", "allow s3:Look"),
        (refused("AccessDenied"), "s3:Look of it is denied", "allow s3:Look"),
        (refused("NoSuchBucket"), "it does not exist", "deploy the stack again"),
        (refused("Throttling"), "s3:Look of it failed with Throttling", "try again"),
        (refused("RequestTimeTooSkewed"), "clock is wrong", "synchronise this machine's clock"),
        (EndpointConnectionError(endpoint_url="https://made.up"), "EndpointConnectionError", ""),
    ],
)
def test_failed_call(error: Exception, says: str, hint: str) -> None:
    """A failed call names its action, and repeats nothing else of the service's error."""
    with pytest.raises(UnansweredError) as raised, calling("s3:Look", "it"):
        raise error
    answer = raised.value
    assert (says in answer.reason, hint in answer.hint) == (True, True)
    assert "made-up-account" not in repr(answer)
