"""What befalls the queue: each fault, at each moment where it can strike."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.cases import cases
from tests.faults.http_proxy import SendBatchFault

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_EVENTS: Final = 200
_IN_FLIGHT: Final = 40
_ENTRIES: Final = 10
_ALL: Final = tuple(range(_ENTRIES))
_MOMENTS: Final = {"first-commit": 0, "mid-window": 10, "last-commit": 18}
"""How many of the twenty SendMessageBatch calls of these events come first."""

_PASSING: Final = cases(
    {
        "some-failed": SendBatchFault(failed=(0, 3, 9)),
        "all-failed": SendBatchFault(failed=_ALL),
        "throttled": SendBatchFault(status=400, code="RequestThrottled"),
        "reset": SendBatchFault(is_reset=True),
    },
    {
        "throttling-exception": SendBatchFault(status=400, code="ThrottlingException"),
        "too-many-requests": SendBatchFault(status=429, code="TooManyRequests"),
        "over-limit": SendBatchFault(status=403, code="OverLimit"),
        "internal-error": SendBatchFault(status=500, code="InternalFailure"),
        "unavailable": SendBatchFault(status=503, code="ServiceUnavailable"),
        "kms-throttled": SendBatchFault(status=400, code="KmsThrottled"),
        "slow": SendBatchFault(delay=timedelta(milliseconds=300)),
    },
    _MOMENTS,
)
_ANSWER_LOST: Final = cases(
    {"reset-after-sent": SendBatchFault(is_reset=True, is_forwarded=True)},
    {"internal-error-after-sent": SendBatchFault(status=500, is_forwarded=True)},
    _MOMENTS,
)
_LASTING: Final = cases(
    {"access-denied": SendBatchFault(status=403, code="AccessDeniedException")},
    {
        "queue-does-not-exist": SendBatchFault(status=400, code="QueueDoesNotExist"),
        "kms-denied": SendBatchFault(status=400, code="KmsAccessDenied"),
        "kms-disabled": SendBatchFault(status=400, code="KmsDisabled"),
        "kms-not-found": SendBatchFault(status=400, code="KmsNotFound"),
        "invalid-token": SendBatchFault(status=403, code="InvalidClientTokenId"),
    },
    _MOMENTS,
)


@pytest.mark.parametrize(("fault", "skip"), _PASSING)
def test_what_passes_is_tried_again(scene: Scene, fault: SendBatchFault, skip: int) -> None:
    """A fault that passes costs nothing but time: all arrives in the same window, once."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=3)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(fault) > 0
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


@pytest.mark.parametrize(("fault", "skip"), _ANSWER_LOST)
def test_lost_answer_costs_copies(scene: Scene, fault: SendBatchFault, skip: int) -> None:
    """SQS took a batch and its answer was lost: all arrives, and that batch arrives twice."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=2)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    evidence = scene.check()
    assert 0 < evidence.copies <= _ENTRIES * scene.faults.struck(fault)
    assert evidence.archived.total() == _EVENTS


@pytest.mark.parametrize(("fault", "skip"), _LASTING)
def test_what_lasts_ends_the_run(scene: Scene, fault: SendBatchFault, skip: int) -> None:
    """A fault that somebody must mend fails the run; its error names cause, queue and hint."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.has_failed
    assert report.error is not None
    for told in (fault.code, "sqs:SendMessage", scene.places.queue_url, "QUEUE_URL", "role"):
        assert told in report.error
    assert set(report.left) <= {"queue", "not_taken"}
    scene.check(is_settled=False)
    scene.settle()
    # The archive has what the queue refused, and gets it again in another batch.
    assert scene.check().copies <= 2 * _IN_FLIGHT


def test_senders_fault_leaves_that_event_alone(scene: Scene) -> None:
    """An entry that SQS refuses for its contents is left, and no other event with it."""
    scene.publish(_EVENTS)
    fault = SendBatchFault(failed=(4,), failed_code="InvalidMessageContents", is_senders_fault=True)
    scene.faults.inject(fault, times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=2))
    assert not report.has_failed
    assert report.left == {"queue": 1}
    assert report.failures == {"queue:InvalidMessageContents": 1}
    assert report.acked == _EVENTS - 1
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies <= 1


def test_outage_stops_the_reading(scene: Scene) -> None:
    """While SQS is down no more is read than may be in flight, and the run is no failure."""
    scene.publish(_EVENTS)
    scene.faults.inject(SendBatchFault(status=503, code="ServiceUnavailable"))
    report = scene.drain(
        max_in_flight=_IN_FLIGHT, window=timedelta(seconds=1), reserve=timedelta(seconds=2)
    )
    assert (report.end_reason, report.acked) == ("window", 0)
    assert report.received == _IN_FLIGHT
    assert report.left == {"queue": _IN_FLIGHT}
    scene.settle()
    assert scene.check().copies <= _IN_FLIGHT


def test_answer_that_never_comes_is_given_up(scene: Scene) -> None:
    """SQS takes a batch and never says so: it is sent again, and arrives twice."""
    scene.publish(_EVENTS)
    fault = SendBatchFault(is_unanswered=True, is_forwarded=True)
    scene.faults.inject(fault, times=1)
    report = scene.drain(allowed=timedelta(seconds=30))
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert 0 < scene.check().copies <= _ENTRIES


def test_run_ends_in_time_though_sqs_hangs(scene: Scene) -> None:
    """SQS answers nothing any more: the run ends by its own clock, with everything left."""
    scene.publish(_EVENTS)
    scene.faults.inject(SendBatchFault(is_unanswered=True))
    report = scene.drain(
        allowed=timedelta(seconds=5), window=timedelta(seconds=1), reserve=timedelta(seconds=2)
    )
    assert (report.end_reason, report.acked) == ("window", 0)
    scene.settle()
    assert scene.check().copies <= 200


def test_queue_that_is_gone(scene: Scene) -> None:
    """The queue is deleted: the run fails and names it; with the queue back, all arrives."""
    scene.cloud.sqs.delete_queue(QueueUrl=scene.places.queue_url)
    scene.publish(_EVENTS)
    report = scene.drain()
    assert report.has_failed
    assert report.error is not None
    assert "QueueDoesNotExist" in report.error
    assert scene.places.queue_url in report.error
    scene.cloud.sqs.create_queue(QueueName=scene.places.queue_url.rpartition("/")[2])
    scene.settle()
    scene.check()
