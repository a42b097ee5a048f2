from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields
from datetime import timedelta

import pytest

from eventdrain.drain import EndReason, LeftReason, Outcome, Report
from tests.deliveries import RECEIVED_AT, line_delivery, oversize_of, quarantined_of

OUTCOME = Outcome(
    written=5,
    acked=4,
    left=Counter({LeftReason.ACK: 1, "archive": 2, "queue": 1}),
    failed=Counter({"archive": 2, "queue": 2}),
    failures=Counter({"ack:UNAVAILABLE": 1, "archive:SlowDown": 2, "queue:Throttled": 1}),
)


def test_counts_batches() -> None:
    """The outcomes of batches are added up."""
    report = Report("handset_change", received=17)
    report.add_outcome(OUTCOME)
    report.add_outcome(OUTCOME)
    report.left[LeftReason.NOT_TAKEN] += 1
    assert (report.batches, report.committed, report.acked) == (2, 10, 8)
    assert (report.failed["archive"], report.failed["queue"]) == (4, 4)
    assert report.ack_failed == 2
    assert report.received == report.acked + report.left.total()
    assert report.failures["archive:SlowDown"] == 4


def test_as_json() -> None:
    """The exact JSON of a report."""
    report = Report(
        "handset_change",
        end_reason=EndReason.IDLE,
        received=8,
        heartbeats=3,
        connections=1,
        quarantined=1,
        bytes_received=99,
        oldest_event_age_seconds=1.23456,
        last_events_age_seconds=0.12345,
        run_seconds=5.98765,
    )
    report.add_outcome(OUTCOME)
    assert json.loads(json.dumps(report.as_json())) == {
        "event_type": "handset_change",
        "end_reason": "idle",
        "error": None,
        "is_access_refused": False,
        "token_renewals_failed": 0,
        "tokens_too_short": 0,
        "received": 8,
        "heartbeats": 3,
        "redelivered": 0,
        "quarantined": 1,
        "oversize": 0,
        "committed": 5,
        "acked": 4,
        "left": {"ack": 1, "archive": 2, "queue": 1},
        "archive_failed": 2,
        "queue_failed": 2,
        "failures": {"ack:UNAVAILABLE": 1, "archive:SlowDown": 2, "queue:Throttled": 1},
        "batches": 1,
        "connections": 1,
        "bytes_received": 99,
        "oldest_event_age_seconds": 1.235,
        "last_events_age_seconds": 0.123,
        "run_seconds": 5.988,
    }


def test_as_json_is_complete() -> None:
    """Every field of the report is in its JSON."""
    report = Report("handset_change", sinks=("archive", "made_up"))
    written = ["archive_failed", "made_up_failed"]
    assert list(report.as_json()) == [
        name
        for field in fields(Report)
        for name in (written if field.name == "failed" else [field.name])
        if name != "sinks"
    ]


@pytest.mark.parametrize(
    ("reason", "has_failed"), [(reason, reason == "failed") for reason in EndReason]
)
def test_has_failed(reason: EndReason, *, has_failed: bool) -> None:
    """Only one end reason means that the run has failed."""
    assert Report("handset_change", end_reason=reason).has_failed is has_failed
    assert Report("handset_change").has_failed, "until it is completed"


def test_notes_age_and_redeliveries() -> None:
    """The oldest event's age is kept; redelivered, quarantined and oversize ones are counted."""
    report = Report("handset_change")
    for hours in (1, 3, 2, -5):
        time = (RECEIVED_AT - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        delivery = line_delivery(event_time=time)._replace(redelivered=hours > 1)
        report.add_messages(10, [delivery], heartbeats=0)
    report.add_messages(10, [line_delivery(event_time=None)], heartbeats=2)
    assert report.oldest_event_age_seconds == pytest.approx(3 * 3600, abs=1)
    assert (report.redelivered, report.heartbeats, report.bytes_received) == (2, 2, 50)
    odd = (quarantined_of(1, redelivered=True), quarantined_of(2), oversize_of(3))
    report.add_messages(100, odd, heartbeats=0)
    assert (report.quarantined, report.oversize, report.redelivered) == (2, 1, 3)


@pytest.mark.parametrize(
    ("reason", "age_seconds", "acked", "is_behind"),
    [
        pytest.param(EndReason.LIMIT, 0.0, 5, True, id="more than it was allowed to take"),
        pytest.param(EndReason.WINDOW, 90.0, 5, True, id="what came last had waited"),
        pytest.param(EndReason.WINDOW, 2.0, 5, False, id="lively, nothing waits"),
        pytest.param(EndReason.IDLE, 90.0, 5, False, id="all of it is drained"),
        pytest.param(EndReason.FAILED, 90.0, 5, False, id="somebody must act first"),
        pytest.param(EndReason.LIMIT, 90.0, 0, False, id="nothing got through"),
        pytest.param(EndReason.WINDOW, 90.0, 0, False, id="nothing got through in the window"),
    ],
)
def test_is_behind(reason: EndReason, age_seconds: float, acked: int, *, is_behind: bool) -> None:
    """Another run is needed if this one acked events and left others waiting."""
    report = Report(
        "handset_change",
        end_reason=reason,
        acked=acked,
        last_events_age_seconds=age_seconds,
    )
    assert report.is_behind is is_behind
