from __future__ import annotations

import json
import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from eventdrain.events import STREAMS, DeliveryReader, PointerReason, rfc3339
from simulator.event_server import length_delimited
from tests.deliveries import (
    FIRST_SECOND,
    RECEIVED_AT,
    EventReader,
    line_delivery,
    message,
    reader,
    set_messages,
    stream_responses,
    timestamps_in_range,
    unknown_fields,
)
from wgtwo.events.v1.events_pb2 import Metadata
from wgtwo.subscription.v1.subscription_events_pb2 import (
    HandsetChangeEvent,
    StreamHandsetChangeEventsResponse,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from eventdrain.events import Delivery, EventStream

KEYS: Final = [
    "event_id",
    "event_type",
    "event_time",
    "subscription_id",
    "redelivered",
    "received_at",
    "event",
]
FIRST: Final = -62_135_596_800
LAST: Final = 253_402_300_799


def read(stream: EventStream, response: Message | bytes) -> Delivery:
    """Read one delivered message."""
    message = response if isinstance(response, bytes) else response.SerializeToString()
    return EventReader(stream).read(message, RECEIVED_AT)


# --- The line ---


def test_line_of_an_event() -> None:
    """The exact line of an event."""
    delivery = reader().read(message(1, delivery=7, redelivered=True), RECEIVED_AT)
    assert delivery.line == (
        f'{{"event_id":"{delivery.event_id}","event_type":"handset_change",'
        '"event_time":"2026-03-01T12:00:01Z","subscription_id":"madeup:eu:1",'
        '"redelivered":true,"received_at":"2026-03-01T12:00:00.123Z",'
        '"event":{"number":{"e164":"+9990000000001"}}}'
    )
    assert delivery.ack_info == "ack-1-7"
    assert delivery.redelivered


@given(stream_responses())
def test_line_says_what_came(drawn: tuple[EventStream, Any]) -> None:
    """A line is ASCII, and parses to what the message says, its keys in their order."""
    stream, response = drawn
    metadata = response.metadata
    identifier = metadata.identifier.subscription_identifier
    payload = getattr(response, stream.payload_field.name)

    delivery = read(stream, response)
    line = json.loads(delivery.line)

    assert re.fullmatch(r"[ -~]+", delivery.line)
    assert [key for key in line if key != "raw"] == KEYS
    assert line["event_id"] == delivery.event_id
    assert re.fullmatch("[0-9a-f]{32}", line["event_id"])
    assert line["event_type"] == delivery.event_type == stream.event_type
    assert line["subscription_id"] == (identifier.wg2rn or identifier.value or None)
    assert delivery.subscription_id == (line["subscription_id"] or "")
    assert line["redelivered"] is delivery.redelivered is metadata.is_redelivered
    assert line["received_at"] == "2026-03-01T12:00:00.123Z"
    assert line["event"] == json_format.MessageToDict(payload, preserving_proto_field_name=True)
    time = metadata.timestamp
    expected = rfc3339(time.seconds, time.nanos) if metadata.HasField("timestamp") else None
    assert line["event_time"] == delivery.event_time == expected
    assert delivery.ack_info == metadata.ack_info.value
    assert delivery.received_at == RECEIVED_AT
    # A message that the line holds completely is not also kept raw.
    assert ("raw" in line) == (metadata.HasField("timestamp") and line["event_time"] is None)


@pytest.mark.parametrize(
    ("microsecond", "expected"),
    [(0, "12:00:00.000Z"), (999, "12:00:00.000Z"), (999_999, "12:00:00.999Z")],
)
def test_arrival_has_milliseconds(microsecond: int, expected: str) -> None:
    """The time of arrival is truncated to milliseconds, never rounded up."""
    received_at = RECEIVED_AT.replace(microsecond=microsecond)
    line = json.loads(reader().read(message(), received_at).line)
    assert line["received_at"] == f"2026-03-01T{expected}"


# --- What the line can't hold ---


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(FIRST - 1, 0), (LAST + 1, 0), (0, -1), (0, 1_000_000_000), (2**63 - 1, 2**31 - 1)],
)
def test_time_out_of_range_is_kept_raw(seconds: int, nanos: int) -> None:
    """A time outside RFC 3339's range is null, and the raw message is kept."""
    timestamp = Timestamp(seconds=seconds, nanos=nanos)
    message = StreamHandsetChangeEventsResponse(
        metadata=Metadata(timestamp=timestamp), handset_change_event=HandsetChangeEvent()
    ).SerializeToString()
    line = json.loads(read(STREAMS["handset_change"], message).line)
    assert list(line) == [*KEYS, "raw"]
    assert line["event_time"] is None
    assert b64decode(line["raw"], validate=True) == message


@given(stream_responses(), unknown_fields, st.data())
def test_unknown_fields_are_kept_raw(
    drawn: tuple[EventStream, Message], extra: bytes, data: st.DataObject
) -> None:
    """With an unknown field, at any depth, the raw message is kept."""
    stream, response = drawn
    holder = data.draw(st.sampled_from(list(set_messages(response))), label="holder")
    holder.MergeFromString(extra)
    message = response.SerializeToString()
    line = json.loads(read(stream, message).line)
    assert list(line) == [*KEYS, "raw"]
    assert b64decode(line["raw"], validate=True) == message


# --- What can't become a line ---


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(b"\xff\xfe<html>", "does not parse", id="no protobuf"),
        pytest.param(b"\x12\x05\x0a", "does not parse", id="cut short"),
        pytest.param(
            length_delimited(2, length_delimited(4, length_delimited(1, b"\xc3\x28"))),
            "does not parse",
            id="no UTF-8",
        ),
        pytest.param(
            length_delimited(1, length_delimited(3, length_delimited(1, b"handle"))),
            "holds no event",
            id="a handle alone",
        ),
        pytest.param(length_delimited(3, b""), "holds no event", id="an unknown field alone"),
    ],
)
def test_unreadable(message: bytes, reason: str) -> None:
    """A message that can't be parsed or has no event is quarantined, with a constant reason."""
    delivery = read(STREAMS["handset_change"], message)
    assert delivery.pointer is PointerReason.QUARANTINE
    assert json.loads(delivery.line)["reason"] == reason


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="empty"),
        pytest.param(length_delimited(1, b"\x20\x01"), id="metadata alone"),
        pytest.param(length_delimited(1, length_delimited(3, b"")), id="empty handle"),
    ],
)
def test_heartbeat(message: bytes) -> None:
    """A message with neither an event nor a handle is no delivery."""
    reader = DeliveryReader(STREAMS["handset_change"])
    assert reader.read(message, RECEIVED_AT) is None
    assert reader.is_heartbeat(message)


def test_delivery_that_trips_a_bug_goes_to_quarantine(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that causes an unexpected error is quarantined, and its content not logged."""

    def buggy(seconds: int, nanos: int) -> str:
        raise ZeroDivisionError(seconds * 1000, nanos)

    monkeypatch.setattr("eventdrain.events.reader.rfc3339", buggy)
    delivery = reader().read(message(1), RECEIVED_AT)
    assert delivery.pointer is PointerReason.QUARANTINE
    assert (delivery.ack_info, json.loads(delivery.line)["reason"]) == (
        "ack-1-0",
        "causes an unexpected error",
    )
    assert "ZeroDivisionError" in caplog.text
    assert f"{FIRST_SECOND + 1}000" not in caplog.text


# --- Times ---


@given(timestamps_in_range)
@example((FIRST, 0))
@example((LAST, 999_999_999))
@example((-1, 1))
@example((0, 1_500))
def test_rfc3339_equals_protobufs_own(timestamp: tuple[int, int]) -> None:
    """Times are written as protobuf's JSON mapping writes them."""
    seconds, nanos = timestamp
    assert rfc3339(seconds, nanos) == Timestamp(seconds=seconds, nanos=nanos).ToJsonString()


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(FIRST - 1, 999_999_999), (LAST + 1, 0), (0, -1), (0, 1_000_000_000)]
)
def test_no_rfc3339(seconds: int, nanos: int) -> None:
    """A time outside protobuf's range can't be written."""
    assert rfc3339(seconds, nanos) is None


@pytest.mark.parametrize(
    ("event_time", "received_at", "day", "age"),
    [
        pytest.param(
            "2026-02-28T23:59:59.999999999Z", RECEIVED_AT, "2026-02-28", 43201.123456, id="event"
        ),
        pytest.param(None, RECEIVED_AT, "2026-03-01", 0.0, id="no time: the arrival's"),
        pytest.param(
            "2026-03-01T12:00:01Z", RECEIVED_AT, "2026-03-01", -0.876544, id="ahead of us"
        ),
        pytest.param(
            "0001-01-01T00:00:00Z", datetime(1, 1, 2, tzinfo=UTC), "0001-01-01", 86400.0, id="first"
        ),
    ],
)
def test_day_and_age(event_time: str | None, received_at: datetime, day: str, age: float) -> None:
    """An event's day is that of its time; its age on arrival is in whole seconds."""
    delivery = line_delivery(event_time=event_time, received_at=received_at)
    assert delivery.day == day
    assert delivery.age_seconds == pytest.approx(age)
