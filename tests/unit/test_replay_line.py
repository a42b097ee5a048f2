"""Parsing of archived lines."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.errors import UnreadableLine
from eventdrain.events import object_body
from eventdrain.replay import read_line, read_lines
from tests.deliveries import RECEIVED_AT, EventReader, delivery_of, stream_responses

LINE = json.loads(delivery_of().line)


@given(stream_responses())
def test_line_becomes_the_delivery_that_it_was_written_from(drawn: Any) -> None:
    """A parsed line has all of the delivery, except for the ack handle and microseconds."""
    stream, response = drawn
    written = EventReader(stream).read(response.SerializeToString(), RECEIVED_AT)
    read = read_line(written.line)
    assert read == written._replace(ack_info="", received_at=read.received_at)
    assert timedelta(0) <= written.received_at - read.received_at < timedelta(milliseconds=1)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_object_is_read_back(indexes: list[int]) -> None:
    """An object's lines are those that were written, each without its newline."""
    deliveries = [delivery_of(index) for index in indexes]
    assert list(read_lines(object_body(deliveries))) == [each.line for each in deliveries]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no gzip",
        gzip.compress(b"cut short")[:-4],
        gzip.compress("é".encode()),
        gzip.compress(b"damaged " * 100)[:30] + b"\0" * 30,
    ],
    ids=["empty", "plain", "cut", "no ascii", "damaged"],
)
def test_object_that_is_none(body: bytes) -> None:
    """An object that isn't complete gzip of ASCII is an error."""
    with pytest.raises(UnreadableLine):
        read_lines(body)


def test_empty_object_has_no_lines() -> None:
    """An empty gzip has no lines."""
    assert list(read_lines(gzip.compress(b""))) == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "made up +9990000000001",
        "[]",
        "null",
        "[" * 100_000,
        *(
            json.dumps(LINE | change)
            for change in (
                {"event_id": "made up"},
                {"event_id": None},
                {"event_type": 5},
                {"event_time": "yesterday"},
                {"event_time": 5},
                {"event_time": "2026-03-01T12:00:00"},
                {"subscription_id": 5},
                {"redelivered": "no"},
                {"received_at": None},
                {"received_at": "2026-03-01T12:00:00"},
            )
        ),
        *(json.dumps({key: LINE[key] for key in LINE if key != gone}) for gone in list(LINE)[:6]),
    ],
)
def test_line_that_is_none(line: str) -> None:
    """A line in another form is an error that doesn't repeat it."""
    with pytest.raises(UnreadableLine) as raised:
        read_line(line)
    assert "made up" not in str(raised.value)
    assert raised.value.__cause__ is None
