from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.events import MAX_MESSAGE_BYTES, Message, message, pack
from tests.deliveries import LAYOUT, delivery_of, line_delivery, oversize_of, quarantined_of
from tests.schema_checks import check_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventdrain.events import Delivery

MOST_MESSAGES: Final = 10
ATTRIBUTES_SIZE: Final = len("event_id" + "String" + "0" * 32) + len(
    "event_type" + "String" + "handset_change"
)

sizes: Final = st.one_of(
    st.integers(1, 1_000),
    st.integers(MAX_MESSAGE_BYTES // 11, MAX_MESSAGE_BYTES // 9),
    st.integers(MAX_MESSAGE_BYTES // 2 - 200, MAX_MESSAGE_BYTES // 2),
    st.just(MAX_MESSAGE_BYTES),
)


def of_size(size: int) -> Message:
    """Return a message of a size."""
    return message(delivery_of(), LAYOUT)._replace(body="x" * max(0, size - ATTRIBUTES_SIZE))


def size_of(batch: Sequence[Message]) -> int:
    """Return the size of a batch."""
    return sum(each.size for each in batch)


def group_id(delivery: Delivery) -> str:
    """Return the group of an event's message."""
    return message(delivery, LAYOUT).group_id


def test_size_is_what_sqs_counts() -> None:
    """The size is that of the body, and of each attribute's name, type and value."""
    delivery = delivery_of(1)
    written = message(delivery, LAYOUT)
    assert written.body == delivery.line
    assert written.size == len(delivery.line.encode()) + ATTRIBUTES_SIZE
    assert MAX_MESSAGE_BYTES == 1_048_576


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        pytest.param(delivery_of, {}, id="line"),
        pytest.param(quarantined_of, {"pointer": "quarantine"}, id="quarantine"),
        pytest.param(oversize_of, {"pointer": "oversize"}, id="oversize"),
    ],
)
def test_attributes(build: Callable[[int], Delivery], reason: dict[str, str]) -> None:
    """Attributes have the event's id and type, and the reason for a pointer."""
    delivery = build(1)
    written = message(delivery, LAYOUT)
    assert written.event_ids == (delivery.event_id,)
    assert written.attributes == {
        "event_id": delivery.event_id,
        "event_type": "handset_change",
        **reason,
    }
    check_message(written.body, dict(written.attributes))
    assert written.size == len(written.body.encode()) + sum(
        len(name) + len("String") + len(value) for name, value in written.attributes.items()
    )


@given(st.lists(sizes, max_size=40))
def test_batches_are_taken_by_sqs(message_sizes: list[int]) -> None:
    """A batch has at most ten messages and a mebibyte, and is as full as the order allows."""
    messages = [of_size(size) for size in message_sizes]
    batches = list(pack(messages))
    assert all(1 <= len(batch) <= MOST_MESSAGES for batch in batches)
    assert all(size_of(batch) <= MAX_MESSAGE_BYTES for batch in batches)
    assert [each for batch in batches for each in batch] == messages
    for batch, following in pairwise(batches):
        assert len(batch) == MOST_MESSAGES or size_of([*batch, following[0]]) > MAX_MESSAGE_BYTES


def test_batch_of_exactly_the_limit() -> None:
    """Two messages of exactly the limit share a batch; with one more byte they don't."""
    half = MAX_MESSAGE_BYTES // 2
    assert [len(batch) for batch in pack([of_size(half), of_size(half)])] == [2]
    assert [len(batch) for batch in pack([of_size(half), of_size(half + 1)])] == [1, 1]


@given(st.text(max_size=200))
def test_group_id_is_legal(subscription_id: str) -> None:
    """The group id is valid for any subscription id."""
    group = group_id(line_delivery("f" * 32, subscription_id=subscription_id))
    # SQS API reference, MessageGroupId.
    assert re.fullmatch(r"""[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}""", group)


@pytest.mark.parametrize(
    ("subscription_id", "expected"),
    [("madeup:eu:1", "madeup:eu:1"), ("", "f" * 32), ("x" * 128, "x" * 128)],
)
def test_group_id(subscription_id: str, expected: str) -> None:
    """The group is the subscription id; an event without one has its own group."""
    assert group_id(line_delivery("f" * 32, subscription_id=subscription_id)) == expected
    assert group_id(quarantined_of(1)) == quarantined_of(1).event_id


@given(st.text(max_size=150), st.text(max_size=150))
def test_group_is_one_subscriptions(one: str, other: str) -> None:
    """Two subscriptions share a group only if they are the same."""
    groups = [group_id(line_delivery(subscription_id=each)) for each in (one, other)]
    assert (groups[0] == groups[1]) == (one == other)
