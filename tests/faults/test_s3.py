"""What befalls the archive: each fault, at each moment where it can strike."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.cases import cases
from tests.faults.http_proxy import PutObjectFault

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_EVENTS: Final = 200
_IN_FLIGHT: Final = 40
_MOMENTS: Final = {"first-commit": 0, "mid-window": 4, "last-commit": 9}
"""How many of the ten PutObject calls of these events come first."""

_PASSING: Final = cases(
    {
        "slow-down": PutObjectFault(status=503, code="SlowDown"),
        "reset": PutObjectFault(is_reset=True),
        "reset-after-stored": PutObjectFault(is_reset=True, is_forwarded=True),
        "conflict": PutObjectFault(status=409, code="ConditionalRequestConflict"),
    },
    {
        "internal-error": PutObjectFault(status=500),
        "internal-error-after-stored": PutObjectFault(status=500, is_forwarded=True),
        "too-many-requests": PutObjectFault(status=429, code="TooManyRequestsException"),
        "bad-digest": PutObjectFault(status=400, code="BadDigest"),
        "request-timeout": PutObjectFault(status=400, code="RequestTimeout"),
        "kms-throttled": PutObjectFault(status=400, code="KMS.ThrottlingException"),
        "slow": PutObjectFault(delay=timedelta(milliseconds=400)),
    },
    _MOMENTS,
)
_LASTING: Final = cases(
    {"access-denied": PutObjectFault(status=403, code="AccessDenied")},
    {
        "no-such-bucket": PutObjectFault(status=404, code="NoSuchBucket"),
        "kms-denied": PutObjectFault(status=403, code="KMS.AccessDeniedException"),
        "kms-disabled": PutObjectFault(status=400, code="KMS.DisabledException"),
        "invalid-key-id": PutObjectFault(status=403, code="InvalidAccessKeyId"),
    },
    _MOMENTS,
)


@pytest.mark.parametrize(("fault", "skip"), _PASSING)
def test_what_passes_is_tried_again(scene: Scene, fault: PutObjectFault, skip: int) -> None:
    """A fault that passes costs nothing but time: all arrives in the same window, once."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=3)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(fault) > 0
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


@pytest.mark.parametrize(("fault", "skip"), _LASTING)
def test_what_lasts_ends_the_run(scene: Scene, fault: PutObjectFault, skip: int) -> None:
    """A fault that somebody must mend fails the run; its error names cause, bucket and hint."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.has_failed
    assert report.error is not None
    for told in (fault.code, "s3:PutObject", scene.places.bucket, "ARCHIVE_BUCKET", "role"):
        assert told in report.error
    assert set(report.left) <= {"archive", "not_taken"}
    scene.check(is_settled=False)
    scene.settle()
    # The queue has what the archive refused, and gets it again.
    assert scene.check().copies <= 2 * _IN_FLIGHT


def test_outage_stops_the_reading(scene: Scene) -> None:
    """While S3 is down no more is read than may be in flight, and the run is no failure."""
    scene.publish(_EVENTS)
    scene.faults.inject(PutObjectFault(status=503, code="SlowDown"))
    report = scene.drain(
        max_in_flight=_IN_FLIGHT, window=timedelta(seconds=1), reserve=timedelta(seconds=2)
    )
    assert (report.end_reason, report.acked) == ("window", 0)
    assert report.received == _IN_FLIGHT
    assert report.left == {"archive": _IN_FLIGHT}
    scene.settle()
    assert scene.check().copies <= _IN_FLIGHT


def test_retries_are_not_in_lock_step(scene: Scene) -> None:
    """Two batches that S3 refuses at the same moment come again at different ones."""
    scene.publish(_IN_FLIGHT)
    fault = PutObjectFault(status=503, code="SlowDown")
    scene.faults.inject(fault, times=6)
    scene.drain(max_in_flight=_IN_FLIGHT)
    calls = scene.journal.calls("PutObject")
    gaps = {round(later - earlier, 3) for earlier, later in pairwise(calls)}
    assert len(gaps) > len(calls) // 2
    assert max(calls) - min(calls) > 0.5
    scene.check()


def test_answer_that_never_comes_is_given_up(scene: Scene) -> None:
    """S3 stores an object and never says so: the write is tried again, and is there once."""
    fault = PutObjectFault(is_unanswered=True, is_forwarded=True)
    scene.publish(_EVENTS)
    scene.faults.inject(fault, times=1)
    report = scene.drain(allowed=timedelta(seconds=30))
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


def test_run_ends_in_time_though_s3_hangs(scene: Scene) -> None:
    """S3 answers nothing any more: the run ends by its own clock, with everything left."""
    scene.publish(_EVENTS)
    scene.faults.inject(PutObjectFault(is_unanswered=True))
    report = scene.drain(
        allowed=timedelta(seconds=5), window=timedelta(seconds=1), reserve=timedelta(seconds=2)
    )
    assert (report.end_reason, report.acked) == ("window", 0)
    scene.settle()
    assert scene.check().copies <= 200


def test_bucket_that_is_gone(scene: Scene) -> None:
    """The bucket is deleted: the run fails and names it; with the bucket back, all arrives."""
    scene.cloud.s3.delete_bucket(Bucket=scene.places.bucket)
    scene.publish(_EVENTS)
    report = scene.drain()
    assert report.has_failed
    assert report.error is not None
    assert "NoSuchBucket" in report.error
    assert scene.places.bucket in report.error
    scene.cloud.s3.create_bucket(
        Bucket=scene.places.bucket,
        CreateBucketConfiguration={"LocationConstraint": "eu-north-1"},
    )
    scene.settle()
    scene.check()
