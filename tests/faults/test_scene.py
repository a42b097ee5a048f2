"""The scene finds no violation without a fault, and every violation that there is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.faults.invariants import Evidence, RunRecord, texts_of, violations
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.cloud import Cloud


def test_without_faults_everything_arrives_once(scene: Scene) -> None:
    """One window brings every event into both sinks, once, and acks it."""
    scene.publish(1000)
    report = scene.drain()
    assert (report.end_reason, report.received, report.acked) == ("idle", 1000, 1000)
    assert scene.check().copies == 0


@pytest.fixture(scope="module")
def good(cloud: Cloud) -> Evidence:
    """Return the evidence of a run without faults."""
    with Scene(cloud) as scene:
        scene.publish(20)
        scene.drain()
        return scene.evidence()


def _with_report(evidence: Evidence, **changes: object) -> Evidence:
    report = evidence.runs[0].report
    assert report is not None
    run = replace(evidence.runs[0], report=replace(report, **changes))  # type: ignore[arg-type]
    return replace(evidence, runs=[run])


def _secret(evidence: Evidence) -> str:
    return next(iter(evidence.secrets))


_TAMPERED: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "line-is-missing": (lambda e: replace(e, lines=e.lines[1:]), "is not in S3"),
    "message-is-missing": (lambda e: replace(e, messages=e.messages[1:]), "is not in SQS"),
    "never-durable": (lambda e: replace(e, durable_at={}), "was acked before"),
    "durable-after-the-ack": (
        lambda e: replace(e, durable_at={i: at + 60 for i, at in e.durable_at.items()}),
        "was acked before",
    ),
    "other-contents": (
        lambda e: replace(e, lines=[{**e.lines[0], "event_time": None}, *e.lines[1:]]),
        "differs from the event",
    ),
    "nobodys-event": (
        lambda e: replace(e, messages=[{**e.messages[0], "event_id": "0"}, *e.messages]),
        "is not the id of an event",
    ),
    "more-received": (lambda e: _with_report(e, received=21), "does not reconcile"),
    "more-acked": (lambda e: _with_report(e, received=21, acked=21), "more acks are reported"),
    "error-without-failure": (lambda e: _with_report(e, error="made up"), "don't match"),
    "too-long": (lambda e: replace(e, runs=[RunRecord(None, 9, 5)]), "took 9.0 s of 5.0 s"),
    "thread-left": (
        lambda e: replace(e, runs=[RunRecord(None, 1, 5, ("thread made-up",))]),
        "left behind: thread made-up",
    ),
    "secret-in-the-log": (lambda e: replace(e, text=f"got {_secret(e)}"), "a secret of"),
    "number-in-the-log": (
        lambda e: replace(e, text=json.dumps(sorted(texts_of(e.ledger.events[1].event)))),
        "of event 1 are in the log",
    ),
}


@pytest.mark.parametrize(("tamper", "expected"), _TAMPERED.values(), ids=_TAMPERED)
def test_what_is_wrong_is_found(
    good: Evidence, tamper: Callable[[Evidence], Evidence], expected: str
) -> None:
    """One change to the evidence of a good run is found as a violation."""
    assert violations(good) == []
    found = violations(tamper(good))
    assert any(expected in violation for violation in found), found
