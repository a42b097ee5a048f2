from __future__ import annotations

import hashlib
import json
import re
import struct
from base64 import b64decode
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventdrain.events import STREAMS, DeliveryReader, PointerReason, quarantined
from simulator.event_server import length_delimited
from tests.deliveries import (
    RECEIVED_AT,
    EventReader,
    quarantined_of,
    stream_responses,
    streams,
    unknown_fields,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from eventdrain.events import Delivery, EventStream

HANDLE: Final = "made-up-handle"
ACK_INFO: Final = length_delimited(3, length_delimited(1, HANDLE.encode()))
REDELIVERED: Final = b"\x20\x01"
NO_UTF8: Final = length_delimited(1, b"\xc3\x28")
"""A string field that isn't UTF-8."""
POISON: Final = length_delimited(2, length_delimited(4, NO_UTF8))
"""A payload with a number that isn't UTF-8."""
METADATA: Final = length_delimited(1, ACK_INFO)

# A message written by hand from the protobuf encoding: 1633012075.468 s, madeup:eu:1, a handle, the
# redelivery flag, and a payload whose only text is c3 28, which isn't UTF-8.
TIMESTAMP: Final = "08eb92d78a061080ba94df01"  # pragma: allowlist secret
IDENTIFIER: Final = "0a0d120b6d61646575703a65753a31"  # pragma: allowlist secret
PAYLOAD: Final = "22040a02c328"


def handle(text: bytes) -> bytes:
    """Return the part of the metadata with a handle."""
    return length_delimited(3, length_delimited(1, text))


def wire(
    timestamp: bytes | None, identifier: bytes | None, payload: bytes | None, *rest: bytes
) -> bytes:
    """Return a message of these parts; the rest are more fields of its metadata."""
    metadata = b"".join(
        length_delimited(number, part)
        for number, part in ((1, timestamp), (2, identifier))
        if part is not None
    )
    written = length_delimited(1, metadata + b"".join(rest))
    return written if payload is None else written + length_delimited(2, payload)


def put(
    message: bytes, event_type: str = "handset_change", reason: str = "made up reason"
) -> Delivery:
    """Return the quarantined delivery of a message."""
    return quarantined(message, RECEIVED_AT, event_type=event_type, reason=reason)


def plain_id(event_type: str, undelivered: bytes) -> str:
    """Compute an id in quarantine by its definition, without the engine's code."""
    digest = hashlib.sha256()
    for part in (event_type.encode("utf-8"), b"quarantine", undelivered):
        digest.update(struct.pack(">I", len(part)) + part)
    digest.update(b"\xff" * 4)  # the whole message, which is not protobuf, is not in it
    return digest.digest()[:16].hex()


# --- The record ---


@given(streams, st.binary(max_size=200), st.text(max_size=20))
def test_record_holds_the_message(stream: EventStream, message: bytes, reason: str) -> None:
    """A record is one line of ASCII, with its keys in order, and decodes to the message."""
    delivery = put(message, stream.event_type, reason)
    record = json.loads(delivery.line)

    assert re.fullmatch(r"[ -~]+", delivery.line)
    assert list(record) == ["event_id", "event_type", "reason", "received_at", "raw"]
    assert b64decode(record["raw"], validate=True) == message
    assert record["event_id"] == delivery.event_id
    assert re.fullmatch("[0-9a-f]{32}", delivery.event_id)
    assert record["event_type"] == delivery.event_type == stream.event_type
    assert record["reason"] == reason
    assert delivery.pointer is PointerReason.QUARANTINE
    assert record["received_at"] == "2026-03-01T12:00:00.123Z"


def test_delivery_says_no_more_than_it_knows() -> None:
    """An event in quarantine has no time and no subscription, but its arrival and flag."""
    delivery = quarantined_of(1, redelivered=True)
    assert (delivery.event_time, delivery.subscription_id) == (None, "")
    assert (delivery.received_at, delivery.redelivered) == (RECEIVED_AT, True)
    assert not quarantined_of(1).redelivered


# --- The handle ---


@pytest.mark.parametrize(
    "message",
    [
        METADATA,
        POISON + b"\xa0\x06\x01" + METADATA + POISON,
        METADATA + b"\x10\x01",  # the payload is a number
        wire(None, None, None) + METADATA + POISON,  # the metadata comes in parts
        METADATA + length_delimited(1, REDELIVERED) + POISON,
        wire(None, None, NO_UTF8, handle(b"old"), ACK_INFO),
        wire(b"\x08", None, b"", ACK_INFO),  # the timestamp is cut
        wire(None, b"\xff\xff", b"", ACK_INFO),  # the identifier is damaged
        wire(None, None, NO_UTF8, length_delimited(3, b"\xa0\x06\x01" + ACK_INFO[2:])),
        (METADATA + POISON)[:-1],
        METADATA + b"\xff\xff",  # no tag follows the metadata
    ],
)
def test_handle_is_found(message: bytes) -> None:
    """The handle is found wherever the metadata can be."""
    assert put(message).ack_info == HANDLE


@pytest.mark.parametrize(
    "message",
    [
        POISON,
        length_delimited(1, b"") + POISON,
        b"\x08\x01" + POISON,  # the metadata is a number
        b"",
        wire(None, None, b"", length_delimited(3, b"")),
        wire(None, None, NO_UTF8, handle(b"\xc3\x28")),
        wire(None, None, NO_UTF8, length_delimited(3, b"\x0a\x05a")),  # the handle is cut
        METADATA[:-1],
        POISON + METADATA + b"\xff",
        b"\x0a" + b"\xff" * 12,  # a length without end
    ],
)
def test_no_handle_is_made_up(message: bytes) -> None:
    """If the metadata can't be read, there is no handle."""
    assert put(message).ack_info == ""


def test_cut_short_has_one_id() -> None:
    """A truncated event has the same id in each delivery, which no other event has."""
    one, again, other = (
        put(length_delimited(1, length_delimited(1, b"") + handle(name)) + b"\x12\x7f" + tail)
        for name, tail in ((b"one", b"cut"), (b"another", b"cut"), (b"one", b"cuT"))
    )
    assert one.event_id == again.event_id != other.event_id


# --- The id ---


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            wire(
                *(bytes.fromhex(part) for part in (TIMESTAMP, IDENTIFIER, PAYLOAD)),
                *(ACK_INFO, REDELIVERED),
            ),
            "f96159de3ab8670f38addd75f68cf18d",  # pragma: allowlist secret
        ),
        (
            POISON + length_delimited(1, ACK_INFO + length_delimited(2, b"ab")) + b"\x98\x06\x07",
            "048fbe3d684206b87b5a2cc5fa394168",  # pragma: allowlist secret
        ),
        (METADATA, "98f03a7ec89f31ef8223db2007eb406a"),  # pragma: allowlist secret
        (b"", "98f03a7ec89f31ef8223db2007eb406a"),  # pragma: allowlist secret
        (b"\xff\xfe<html>", "7f9889d8b82d174c4a60ee064a546644"),  # pragma: allowlist secret
    ],
    ids=["all parts", "metadata goes first", "nothing but a handle", "nothing", "no protobuf"],
)
def test_vectors(message: bytes, expected: str) -> None:
    """The ids never change."""
    assert put(message).event_id == expected


_part: Final = st.none() | st.binary(max_size=6)
_parts: Final = st.tuples(_part, _part, _part)


@given(streams, _parts, st.lists(unknown_fields, max_size=2))
def test_id_equals_the_plain_one(
    stream: EventStream,
    parts: tuple[bytes | None, bytes | None, bytes | None],
    extra: list[bytes],
) -> None:
    """The id follows its definition, for any bytes."""
    rest = b"".join(extra)
    message = wire(*parts, ACK_INFO, REDELIVERED) + rest
    assert put(message, stream.event_type).event_id == plain_id(
        stream.event_type, wire(*parts) + rest
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (METADATA + length_delimited(3, b"one"), METADATA + length_delimited(3, b"other")),
        (METADATA + b"\x10\x01", METADATA + b"\x10\x02"),
        (METADATA + 2 * POISON, METADATA + length_delimited(2, b"\xff") + POISON),
        (length_delimited(2, b"\xff\xff"), b"\xff\xff"),
        (b"\xff" * 11 + b"1", b"\xff" * 11 + b"2"),
    ],
    ids=["another field", "a number", "payload in parts", "payload or no protobuf", "no protobuf"],
)
def test_other_bytes_other_id(one: bytes, other: bytes) -> None:
    """Different messages have different ids; otherwise the second would not be stored."""
    assert put(one).event_id != put(other).event_id


@given(stream_responses(), st.binary(max_size=5))
def test_id_is_never_a_readable_events(drawn: tuple[EventStream, Message], damage: bytes) -> None:
    """A message in quarantine never has the id of a readable event, not even of the same one."""
    stream, response = drawn
    readable = response.SerializeToString()
    event_id = EventReader(stream).read(readable, RECEIVED_AT).event_id
    assert put(readable, stream.event_type).event_id != event_id
    assert put(readable + damage, stream.event_type).event_id != event_id


# --- Arbitrary messages ---


@given(streams, st.binary(max_size=80))
@example(STREAMS["handset_change"], b"\x0b" * 200)
@example(STREAMS["handset_change"], b"\x80" * 11)
def test_any_bytes_become_a_delivery(stream: EventStream, message: bytes) -> None:
    """Any bytes become a line, a quarantined delivery or a heartbeat, without an error."""
    delivery = DeliveryReader(stream).read(message, RECEIVED_AT)
    assert delivery is None or json.loads(delivery.line)["event_id"] == delivery.event_id


@given(stream_responses(), st.data())
def test_any_damage_becomes_a_delivery(
    drawn: tuple[EventStream, Message], data: st.DataObject
) -> None:
    """A message with some bytes replaced, removed or added becomes a line, or is quarantined.

    If neither event nor handle remain, it is a heartbeat.
    """
    stream, response = drawn
    sound = response.SerializeToString()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(sound))] * 2), label="cut"))
    damaged = sound[:start] + data.draw(st.binary(max_size=8), label="damage") + sound[end:]
    delivery = DeliveryReader(stream).read(damaged, RECEIVED_AT)
    assert delivery is None or json.loads(delivery.line)["event_id"] == delivery.event_id
