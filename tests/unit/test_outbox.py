from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.outbox import MOST_BYTES, group_id, message_size, pack
from tests.deliveries import delivery_of, line_delivery

if TYPE_CHECKING:
    from eventdrain.delivery import Delivery

MOST_MESSAGES: Final = 10
ATTRIBUTES_SIZE: Final = len("event_id" + "String" + "0" * 32) + len(
    "event_type" + "String" + "handset_change"
)

sizes: Final = st.one_of(
    st.integers(1, 1_000),
    st.integers(MOST_BYTES // 11, MOST_BYTES // 9),
    st.integers(MOST_BYTES // 2 - 200, MOST_BYTES // 2),
    st.just(MOST_BYTES),
)


def of_size(size: int) -> Delivery:
    """Build a delivery whose message has a size."""
    return line_delivery(line="x" * max(0, size - ATTRIBUTES_SIZE))


def test_size_is_what_sqs_counts() -> None:
    """The body counts, and of each attribute its name, its type and its value."""
    delivery = delivery_of(1)

    assert message_size(delivery) == len(delivery.line.encode()) + ATTRIBUTES_SIZE
    assert MOST_BYTES == 1_048_576


@given(st.lists(sizes, max_size=40))
def test_batches_are_taken_by_sqs(message_sizes: list[int]) -> None:
    """No batch has more than ten messages or a mebibyte; none is empty, lost or out of order."""
    deliveries = [of_size(size) for size in message_sizes]

    batches = list(pack(deliveries))

    assert all(1 <= len(batch) <= MOST_MESSAGES for batch in batches)
    assert all(sum(map(message_size, batch)) <= MOST_BYTES for batch in batches)
    assert [delivery for batch in batches for delivery in batch] == deliveries


@given(st.lists(sizes, max_size=40))
def test_batches_are_few(message_sizes: list[int]) -> None:
    """A batch ends only where the next message would not have fitted."""
    batches = list(pack(of_size(size) for size in message_sizes))

    for batch, following in pairwise(batches):
        size = sum(map(message_size, batch))
        assert len(batch) == MOST_MESSAGES or size + message_size(following[0]) > MOST_BYTES


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])]
)
def test_batches_of_ten(count: int, expected: list[int]) -> None:
    """Small messages are sent ten at a time."""
    assert [len(batch) for batch in pack(of_size(300) for _ in range(count))] == expected


def test_batch_of_exactly_the_limit() -> None:
    """Two messages that fill a batch to the last byte share it; with one more they don't."""
    half = MOST_BYTES // 2

    assert [len(batch) for batch in pack([of_size(half), of_size(half)])] == [2]
    assert [len(batch) for batch in pack([of_size(half), of_size(half + 1)])] == [1, 1]


@given(st.text(max_size=200))
def test_group_id_is_legal(subscription_id: str) -> None:
    """Whatever the subscription is called, SQS takes the group's name."""
    group = group_id(line_delivery("f" * 32, subscription_id=subscription_id))

    # SQS API reference, MessageGroupId.
    assert re.fullmatch(r"""[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}""", group)


@pytest.mark.parametrize(
    ("subscription_id", "expected"),
    [("madeup:eu:1", "madeup:eu:1"), ("", "f" * 32), ("x" * 128, "x" * 128)],
)
def test_group_id(subscription_id: str, expected: str) -> None:
    """The group is the subscription as it is called; an event without one is its own group."""
    assert group_id(line_delivery("f" * 32, subscription_id=subscription_id)) == expected


@given(st.text(max_size=150), st.text(max_size=150))
def test_group_is_one_subscriptions(one: str, other: str) -> None:
    """Two subscriptions share a group only if they are the same."""
    groups = [group_id(line_delivery(subscription_id=each)) for each in (one, other)]

    assert (groups[0] == groups[1]) == (one == other)
