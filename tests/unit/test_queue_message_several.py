"""Several events in one message: grouping, sending, failures."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.events import (
    EVENTS,
    MAX_LINE_BYTES,
    MAX_MESSAGE_BYTES,
    STREAMS,
    Message,
    mark_replayed,
    message,
    messages,
    pack,
)
from simulator.aws import PROJECT_FOLDER
from tests.deliveries import LAYOUT, delivery_of, line_delivery, oversize_of, quarantined_of
from tests.schema_checks import check_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.events import Delivery

MOST_MESSAGES: Final = 10

numbers: Final = st.one_of(st.integers(2, 12), st.just(1000))
"""Maximum of events in a message."""
_lengths: Final = st.one_of(
    st.integers(2, 1_000),
    st.integers(MAX_LINE_BYTES // 11, MAX_LINE_BYTES // 9),
    st.integers(MAX_LINE_BYTES // 2 - 2, MAX_LINE_BYTES // 2 + 2),
    st.just(MAX_LINE_BYTES),
)


@st.composite
def several_deliveries(draw: st.DrawFn) -> list[Delivery]:
    """Draw deliveries of distinct events: lines of any length, with pointers between them."""
    deliveries = []
    for index, length in enumerate(
        draw(st.lists(st.one_of(_lengths, st.sampled_from([quarantined_of, oversize_of]))))
    ):
        if isinstance(length, int):
            deliveries.append(of_length(length, index))
        else:
            deliveries.append(length(index))
    return deliveries


def of_length(length: int, index: int = 0) -> Delivery:
    """Return a delivery with a line of this length, without a newline."""
    return line_delivery(f"{index:032}", line="x" * length)


def write(deliveries: Sequence[Delivery], most_events: int) -> list[Message]:
    """Return the messages of deliveries."""
    return list(messages(deliveries, LAYOUT, events_per_message=most_events))


# --- What a consumer reads ---


@pytest.mark.parametrize("most_events", [1, 2, 100])
def test_documented_snippet_reads_every_body(most_events: int) -> None:
    """The snippet of docs/formats.md reads bodies of one event, of several, and pointers."""
    document = (PROJECT_FOLDER / "docs" / "formats.md").read_text()
    (snippet,) = re.findall(r"^```python\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"json": json}
    exec(snippet, names)  # noqa: S102 - it is ours
    deliveries = [delivery_of(0), delivery_of(1), quarantined_of(2), delivery_of(3)]
    written = [*mark_replayed(write(deliveries, most_events), "made-up")]
    for each in (*written, *write(deliveries, most_events)):
        check_message(each.body, dict(each.attributes))
    read = [names["events_of"](each.body) for each in written]
    assert [event["event_id"] for events in read for event in events] == [
        delivery.event_id for delivery in deliveries
    ]


# --- Which events share a message ---


@given(several_deliveries(), st.one_of(st.just(1), numbers))
def test_messages(deliveries: list[Delivery], most_events: int) -> None:
    """Each event is in one message, in order; attributes describe it, and its size is valid."""
    lines = {delivery.event_id: delivery.line for delivery in deliveries}
    written = write(deliveries, most_events)
    assert [event_id for each in written for event_id in each.event_ids] == list(lines)
    singles = (each for each in deliveries if most_events == 1 or each.pointer)
    assert [each for each in written if EVENTS not in each.attributes] == [
        message(each, LAYOUT) for each in singles
    ]
    for each in written:
        count = len(each.event_ids)
        assert 1 <= count <= most_events
        if EVENTS in each.attributes:
            assert each.attributes == {"event_type": "handset_change", EVENTS: str(count)}
            assert each.body.split("\n") == [lines[event_id] for event_id in each.event_ids]
    for batch in pack(written):
        assert len(batch) <= MOST_MESSAGES
        assert sum(each.size for each in batch) <= MAX_MESSAGE_BYTES


@given(several_deliveries(), numbers)
def test_messages_are_few(deliveries: list[Delivery], most_events: int) -> None:
    """A message ends only if it is full, or before or after a pointer."""
    for one, other in pairwise(write(deliveries, most_events)):
        if "pointer" in one.attributes or "pointer" in other.attributes:
            continue
        length_with_next = len(one.body) + 1 + len(other.body.partition("\n")[0])
        assert len(one.event_ids) == most_events or length_with_next > MAX_LINE_BYTES


def test_message_of_exactly_the_limit() -> None:
    """Two lines of exactly the limit share a message; with one more byte they don't."""
    half = MAX_LINE_BYTES // 2
    assert len(write([of_length(half - 1), of_length(half, 1)], 2)) == 1
    assert len(write([of_length(half), of_length(half, 1)], 2)) == 2


@pytest.mark.parametrize("event_type", STREAMS)
def test_fullest_message_leaves_room_for_its_attributes(event_type: str) -> None:
    """The longest message of a thousand lines and its attributes are within SQS's limit."""
    lengths = [MAX_LINE_BYTES // 1000 - 1] * 999
    lengths.append(MAX_LINE_BYTES - sum(lengths) - len(lengths))
    deliveries = [
        of_length(length, index)._replace(event_type=event_type)
        for index, length in enumerate(lengths)
    ]
    [written] = write(deliveries, 1000)
    assert len(written.body) == MAX_LINE_BYTES
    assert written.size <= MAX_MESSAGE_BYTES
