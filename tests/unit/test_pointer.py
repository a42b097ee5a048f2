from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.events import (
    MAX_LINE_BYTES,
    MAX_MESSAGE_BYTES,
    STREAMS,
    ArchiveLayout,
    PointerReason,
    group_by_object,
    message,
    pointer,
    pointer_reason,
)
from tests.deliveries import (
    LAYOUT,
    delivery_of,
    line_delivery,
    oversize_of,
    quarantined_of,
)

if TYPE_CHECKING:
    from random import Random

    from eventdrain.events import Delivery

KEYS: Final = [
    "event_id",
    "event_type",
    "event_time",
    "subscription_id",
    "redelivered",
    "received_at",
    "s3",
]
LONGEST_KEY: Final = 1024
"""S3 user guide, object key names: 1,024 bytes of UTF-8."""
LONGEST_BUCKET_NAME: Final = 63

layouts: Final = st.sampled_from(
    [LAYOUT, ArchiveLayout("b", "", "q"), ArchiveLayout("made.up", "events/a", "events/q")]
)
pointed_to: Final = st.builds(
    lambda build, index: build(index),
    st.sampled_from([quarantined_of, oversize_of]),
    st.integers(0, 20),
)
others: Final = st.lists(
    st.builds(
        lambda build, index: build(index),
        st.sampled_from([delivery_of, quarantined_of, oversize_of]),
        st.integers(21, 60),
    ),
    max_size=8,
    unique_by=lambda delivery: delivery.event_id,
)


def of_length(length: int) -> Delivery:
    """Return a delivery with a line of this length."""
    return line_delivery(line="x" * length)


@pytest.mark.parametrize(
    ("length", "reason"),
    [(MAX_LINE_BYTES, None), (MAX_LINE_BYTES + 1, PointerReason.OVERSIZE)],
)
def test_line_of_one_byte_too_many_needs_a_pointer(
    length: int, reason: PointerReason | None
) -> None:
    """Only the length of a line decides."""
    assert pointer_reason("x" * length) is reason


@pytest.mark.parametrize("event_type", STREAMS)
def test_longest_line_fits_into_a_message(event_type: str) -> None:
    """The longest line fits into an SQS message, for every stream."""
    delivery = of_length(MAX_LINE_BYTES)._replace(event_type=event_type)
    written = message(delivery, LAYOUT)
    assert written.body == delivery.line
    assert "pointer" not in written.attributes
    assert written.size <= MAX_MESSAGE_BYTES


# --- The pointer ---


def test_pointer_to_an_oversize_event() -> None:
    """The exact pointer of an event that is too large."""
    delivery = oversize_of(1, redelivered=True)
    assert pointer(delivery, bucket="made-up-bucket", key="made/up.gz") == (
        f'{{"event_id":"{delivery.event_id}","event_type":"handset_change",'
        '"event_time":"2026-03-01T12:00:01Z","subscription_id":"madeup:eu:1",'
        '"redelivered":true,"received_at":"2026-03-01T12:00:00.123Z",'
        '"s3":{"bucket":"made-up-bucket","key":"made/up.gz"}}'
    )


def test_pointer_to_an_event_in_quarantine() -> None:
    """The pointer of an event in quarantine has no time and no subscription."""
    delivery = quarantined_of(1)
    key = f"quarantine/handset_change/{delivery.event_id}.json"
    assert message(delivery, LAYOUT).body == (
        f'{{"event_id":"{delivery.event_id}","event_type":"handset_change",'
        '"event_time":null,"subscription_id":null,'
        '"redelivered":false,"received_at":"2026-03-01T12:00:00.123Z",'
        f'"s3":{{"bucket":"made-up-bucket","key":"{key}"}}}}'
    )


@given(pointed_to, st.text(max_size=20), st.text(max_size=20))
def test_pointer_is_one_line_of_ascii(delivery: Delivery, bucket: str, subscription: str) -> None:
    """A pointer is ASCII without control characters, with its keys in order."""
    named = delivery._replace(subscription_id=subscription)
    body = pointer(named, bucket=bucket, key="made/up")
    read = json.loads(body)
    assert re.fullmatch(r"[ -~]+", body)
    assert list(read) == KEYS
    assert read["subscription_id"] == (subscription or None)
    assert read["s3"] == {"bucket": bucket, "key": "made/up"}
    assert list(read["s3"]) == ["bucket", "key"]


@given(pointed_to, others, layouts, st.randoms(use_true_random=False))
def test_pointer_names_the_object(
    delivery: Delivery, company: list[Delivery], layout: ArchiveLayout, random: Random
) -> None:
    """A pointer names the event's object, whatever events are in its batch."""
    together = [delivery, *company]
    random.shuffle(together)
    (its_object,) = (each for each in group_by_object(together) if delivery in each)
    written = message(delivery, layout)
    assert its_object == [delivery]
    assert json.loads(written.body)["s3"] == {
        "bucket": layout.bucket,
        "key": layout.key(its_object),
    }
    assert written.attributes["pointer"] == delivery.pointer


@pytest.mark.parametrize(
    ("length", "is_kept"),
    [(0, False), (1, True), (1024, True), (1025, False), (MAX_MESSAGE_BYTES, False)],
)
def test_subscription_id_of_a_pointer(length: int, *, is_kept: bool) -> None:
    """A pointer has the subscription id unless that is too long, and so is always short."""
    subscription_id = "\u2713" * length
    delivery = oversize_of(1)._replace(subscription_id=subscription_id)
    layout = ArchiveLayout("b" * LONGEST_BUCKET_NAME, "p" * LONGEST_KEY, "q" * LONGEST_KEY)
    written = message(delivery, layout)
    assert json.loads(written.body)["subscription_id"] == (subscription_id if is_kept else None)
    assert written.size < MAX_MESSAGE_BYTES // 100
