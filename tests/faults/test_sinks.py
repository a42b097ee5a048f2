"""Faults of the two sinks, the archive in S3 and the queue in SQS, at several moments of a run."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.adapters.aws import signed_http
from tests.faults.http_proxy import PutObjectFault, SendBatchFault

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_EVENTS: Final = 200
_IN_FLIGHT: Final = 20
_ENTRIES: Final = 10
"""Events of one SendMessageBatch call. The tests make ten PutObject calls, and twenty of these."""

both_sinks: Final = pytest.mark.parametrize(
    ("sink", "fault"), [("archive", PutObjectFault), ("queue", SendBatchFault)]
)


@pytest.mark.parametrize(
    ("fault", "skip"),
    [
        (PutObjectFault(status=503, code="SlowDown"), 0),
        (PutObjectFault(is_reset=True), 4),
        (PutObjectFault(is_reset=True, is_forwarded=True), 9),
        (PutObjectFault(status=500, is_forwarded=True), 4),
        (PutObjectFault(status=409, code="ConditionalRequestConflict"), 9),
        (SendBatchFault(failed=(0, 3, 9)), 0),
        (SendBatchFault(failed=tuple(range(_ENTRIES))), 10),
        (SendBatchFault(status=400, code="RequestThrottled"), 18),
        (SendBatchFault(is_reset=True), 10),
    ],
    ids=[
        *("slow-down-at-first", "reset-midway", "reset-after-stored-at-last"),
        *("error-after-stored-midway", "conflict-at-last"),
        *("some-entries-at-first", "all-entries-midway", "throttled-at-last", "queue-reset-midway"),
    ],
)
def test_passing_fault_is_retried(
    scene: Scene, fault: PutObjectFault | SendBatchFault, skip: int
) -> None:
    """After a fault that passes, all events arrive in the same window, once."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=3)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(fault) > 0
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


@pytest.mark.parametrize(
    ("fault", "skip"),
    [
        (SendBatchFault(is_reset=True, is_forwarded=True), 0),
        (SendBatchFault(status=500, is_forwarded=True), 18),
    ],
    ids=["reset-at-first", "error-at-last"],
)
def test_lost_answer_costs_copies(scene: Scene, fault: SendBatchFault, skip: int) -> None:
    """If SQS accepts a batch and its answer is lost, that batch arrives twice."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=2)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    evidence = scene.check()
    assert 0 < evidence.copies <= _ENTRIES * scene.faults.struck(fault)
    assert evidence.archived.total() == _EVENTS


@pytest.mark.parametrize(
    ("fault", "skip"),
    [
        (PutObjectFault(status=403, code="AccessDenied"), 0),
        (PutObjectFault(status=400, code="KMS.DisabledException"), 4),
        (SendBatchFault(status=403, code="AccessDeniedException"), 0),
        (SendBatchFault(status=400, code="QueueDoesNotExist"), 10),
    ],
    ids=lambda value: getattr(value, "code", f"{value}"),
)
def test_lasting_fault_fails_the_run(
    scene: Scene, fault: PutObjectFault | SendBatchFault, skip: int
) -> None:
    """After a fault that an operator must fix, the error names cause, place and setting."""
    is_s3 = isinstance(fault, PutObjectFault)
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.has_failed
    for part in (
        *(fault.code, "role"),
        *(
            ("s3:PutObject", scene.places.bucket, "ARCHIVE_BUCKET")
            if is_s3
            else ("sqs:SendMessage", scene.places.queue_url, "QUEUE_URL")
        ),
    ):
        assert part in (report.error or "")
    assert set(report.left) <= {"archive" if is_s3 else "queue", "not_taken"}
    scene.check(is_settled=False)
    scene.settle()
    # The other sink has the events that this one rejected, and receives them again.
    assert scene.check().copies <= 2 * _IN_FLIGHT


def test_entry_that_sqs_rejects_leaves_that_event_alone(scene: Scene) -> None:
    """An entry that SQS rejects for its contents is left, and no other event with it."""
    scene.publish(_EVENTS)
    fault = SendBatchFault(failed=(4,), failed_code="InvalidMessageContents", is_senders_fault=True)
    scene.faults.inject(fault, times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=2))
    assert not report.has_failed
    assert (report.left, report.acked) == ({"queue": 1}, _EVENTS - 1)
    assert report.failures == {"queue:InvalidMessageContents": 1}
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies <= 1


@both_sinks
def test_outage_stops_the_reading(
    scene: Scene, sink: str, fault: type[PutObjectFault | SendBatchFault]
) -> None:
    """While a sink is down, at most ``max_in_flight`` events are read, and the run succeeds."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault(status=503, code="SlowDown"))
    report = scene.drain(
        max_in_flight=_IN_FLIGHT, window=timedelta(seconds=1), reserve=timedelta(seconds=2)
    )
    assert (report.end_reason, report.acked) == ("window", 0)
    assert (report.received, report.left) == (_IN_FLIGHT, {sink: _IN_FLIGHT})
    scene.settle()
    assert scene.check().copies <= _IN_FLIGHT


@both_sinks
def test_run_ends_in_time_though_a_sink_hangs(
    scene: Scene, sink: str, fault: type[PutObjectFault | SendBatchFault]
) -> None:
    """If a sink never answers, the run ends by its own clock with everything left."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault(is_unanswered=True))
    report = scene.drain(
        allowed=timedelta(seconds=5), window=timedelta(seconds=1), reserve=timedelta(seconds=2)
    )
    assert (report.end_reason, report.acked, *report.left) == ("window", 0, sink)
    scene.settle()
    assert scene.check().copies <= _EVENTS


@both_sinks
def test_answer_that_never_comes_is_given_up(
    scene: Scene,
    sink: str,
    fault: type[PutObjectFault | SendBatchFault],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A write without an answer is retried: the archive has it once, the queue twice."""
    monkeypatch.setattr(signed_http, "_CALL_SECONDS", 1.0)
    scene.publish(_EVENTS)
    scene.faults.inject(fault(is_unanswered=True, is_forwarded=True), times=1)
    report = scene.drain()
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies in (range(1) if sink == "archive" else range(1, _ENTRIES + 1))


def test_retries_are_not_in_lock_step(scene: Scene) -> None:
    """Two batches that S3 rejects at the same moment are retried at different moments."""
    scene.publish(2 * _IN_FLIGHT)
    scene.faults.inject(PutObjectFault(status=503, code="SlowDown"), times=6)
    scene.drain(max_in_flight=_IN_FLIGHT, parallel_streams=2)
    calls = scene.journal.calls("PutObject")
    gaps = {round(later - earlier, 3) for earlier, later in pairwise(calls)}
    assert len(gaps) > len(calls) // 2
    assert max(calls) - min(calls) > 0.5
    scene.check()
