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
    descriptor_of,
    messages,
    quarantined_of,
    stream_responses,
    streams,
    unknown_fields,
)
from wgtwo.events.v1.events_pb2 import Metadata

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from eventdrain.events import Delivery, EventStream

HANDLE: Final = "made-up-handle"
ACK_INFO: Final = length_delimited(3, length_delimited(1, HANDLE.encode()))
REDELIVERED: Final = b"\x20\x01"
NO_UTF8: Final = length_delimited(1, b"\xc3\x28")
"""A text field that is no UTF-8."""
POISON: Final = length_delimited(2, length_delimited(4, NO_UTF8))
"""A payload whose number is no UTF-8."""
METADATA: Final = length_delimited(1, ACK_INFO)
UNKNOWN: Final = length_delimited(99, b"\xff")

# A message written by hand from the protobuf encoding: 1633012075.468 s, madeup:eu:1, a handle, the
# redelivery flag, and a payload whose only text is c3 28, which is no UTF-8.
TIMESTAMP: Final = "08eb92d78a061080ba94df01"  # pragma: allowlist secret
IDENTIFIER: Final = "0a0d120b6d61646575703a65753a31"  # pragma: allowlist secret
PAYLOAD: Final = "22040a02c328"


def handle(text: bytes) -> bytes:
    """Write the part of the metadata that holds a handle."""
    return length_delimited(3, length_delimited(1, text))


def wire(
    timestamp: bytes | None, identifier: bytes | None, payload: bytes | None, *rest: bytes
) -> bytes:
    """Write a message from the bytes of its parts; the rest are further fields of its metadata."""
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
    """Put a message into quarantine."""
    return quarantined(message, RECEIVED_AT, event_type=event_type, reason=reason)


def read_or_put(stream: EventStream, message: bytes) -> Delivery:
    """Make the delivery of a message, as a drain does."""
    return EventReader(stream).read(message, RECEIVED_AT)


def plain_id(
    event_type: str, *, undelivered: bytes | None = None, whole: bytes | None = None
) -> str:
    """Compute an id in quarantine by its definition, without the engine's code."""
    digest = hashlib.sha256()
    for part in (event_type.encode("utf-8"), b"quarantine", undelivered, whole):
        if part is None:
            digest.update(b"\xff" * 4)
        else:
            digest.update(struct.pack(">I", len(part)) + part)
    return digest.digest()[:16].hex()


# --- The record ---


@given(streams, st.binary(max_size=200), st.text(max_size=20))
def test_record_holds_the_message(stream: EventStream, message: bytes, reason: str) -> None:
    """A record is one line of ASCII, its keys in their order, and decodes to what came."""
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
    """An event in quarantine has no time and no subscription; its arrival and flag are kept."""
    delivery = quarantined_of(1, redelivered=True)
    assert (delivery.event_time, delivery.subscription_id) == (None, "")
    assert (delivery.received_at, delivery.redelivered) == (RECEIVED_AT, True)
    assert not quarantined_of(1).redelivered


# --- The handle ---


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(METADATA + POISON, id="payload's text"),
        pytest.param(METADATA, id="no payload"),
        pytest.param(METADATA + b"\x10\x01", id="payload is a number"),
        pytest.param(POISON + METADATA, id="payload first"),
        pytest.param(wire(None, None, None) + METADATA + POISON, id="metadata in parts"),
        pytest.param(METADATA + length_delimited(1, REDELIVERED) + POISON, id="in the first part"),
        pytest.param(wire(None, None, NO_UTF8, handle(b"old"), ACK_INFO), id="handle twice"),
        pytest.param(wire(b"\x08", None, b"", ACK_INFO), id="timestamp cut"),
        pytest.param(wire(None, b"\xff\xff", b"", ACK_INFO), id="identifier damaged"),
        pytest.param(UNKNOWN + METADATA + b"\xa0\x06\x01" + POISON, id="unknown fields"),
        pytest.param(
            wire(
                *(None, None, NO_UTF8),
                length_delimited(3, b"\xa0\x06\x01" + length_delimited(1, HANDLE.encode())),
            ),
            id="unknown field beside the handle",
        ),
        pytest.param((METADATA + POISON)[:-1], id="cut short"),
        pytest.param(METADATA + b"\xff\xff", id="no tag after the metadata"),
    ],
)
def test_handle_is_found(message: bytes) -> None:
    """The handle is found wherever the metadata can be."""
    assert put(message).ack_info == HANDLE


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(POISON, id="no metadata"),
        pytest.param(length_delimited(1, b"") + POISON, id="empty metadata"),
        pytest.param(b"\x08\x01" + POISON, id="metadata is a number"),
        pytest.param(b"", id="nothing"),
        pytest.param(wire(None, None, b"", length_delimited(3, b"")), id="empty ack_info"),
        pytest.param(wire(None, None, NO_UTF8, handle(b"\xc3\x28")), id="handle's text"),
        pytest.param(wire(None, None, NO_UTF8, length_delimited(3, b"\x0a\x05a")), id="handle cut"),
        pytest.param(b"\xff\xfe<html>", id="no protobuf"),
        pytest.param(METADATA[:-1], id="metadata cut short"),
        pytest.param(POISON + METADATA + b"\xff", id="metadata behind, and cut short"),
        pytest.param(b"\x0a" + b"\xff" * 12, id="a length without end"),
    ],
)
def test_no_handle_is_made_up(message: bytes) -> None:
    """Where the metadata can't be read there is no handle."""
    assert put(message).ack_info == ""


def test_cut_short_has_one_id() -> None:
    """An event that comes cut short has the id of its other deliveries, and of no other event."""
    one, again, other = (
        put(length_delimited(1, length_delimited(1, b"") + handle(name)) + b"\x12\x7f" + tail)
        for name, tail in ((b"one", b"cut"), (b"another", b"cut"), (b"one", b"cuT"))
    )
    assert one.event_id == again.event_id != other.event_id


# --- The id ---


@pytest.mark.parametrize(
    ("message", "undelivered", "whole", "expected"),
    [
        pytest.param(
            wire(
                bytes.fromhex(TIMESTAMP),
                bytes.fromhex(IDENTIFIER),
                bytes.fromhex(PAYLOAD),
                ACK_INFO,
                REDELIVERED,
            ),
            "0a1f0a0c" + TIMESTAMP + "120f" + IDENTIFIER + "1206" + PAYLOAD,
            None,
            "f96159de3ab8670f38addd75f68cf18d",  # pragma: allowlist secret
            id="all parts",
        ),
        pytest.param(
            POISON + length_delimited(1, ACK_INFO + length_delimited(2, b"ab")) + b"\x98\x06\x07",
            "0a04" + "12026162" + "1206" + PAYLOAD + "980607",
            None,
            "048fbe3d684206b87b5a2cc5fa394168",  # pragma: allowlist secret
            id="metadata goes first",
        ),
        pytest.param(
            b"",
            "0a00",
            None,
            "98f03a7ec89f31ef8223db2007eb406a",  # pragma: allowlist secret
            id="nothing",
        ),
        pytest.param(
            b"\xff\xfe<html>",
            None,
            "fffe3c68746d6c3e",  # pragma: allowlist secret
            "7f9889d8b82d174c4a60ee064a546644",  # pragma: allowlist secret
            id="no protobuf",
        ),
    ],
)
def test_vectors(message: bytes, undelivered: str | None, whole: str | None, expected: str) -> None:
    """The ids stay what they are, by our code and by a plain one, from parts written by hand."""
    parts = {
        name: None if part is None else bytes.fromhex(part)
        for name, part in (("undelivered", undelivered), ("whole", whole))
    }
    assert plain_id("handset_change", **parts) == expected
    assert put(message).event_id == expected
    # Metadata of which nothing is left is the same as none.
    assert put(METADATA).event_id == put(b"").event_id


_part: Final = st.none() | st.binary(max_size=6)
_parts: Final = st.tuples(_part, _part, _part)


@given(streams, _parts, st.lists(unknown_fields, max_size=2))
def test_id_equals_the_plain_one(
    stream: EventStream,
    parts: tuple[bytes | None, bytes | None, bytes | None],
    extra: list[bytes],
) -> None:
    """The id is what its definition says, for whatever bytes the parts are."""
    rest = b"".join(extra)
    message = wire(*parts, ACK_INFO, REDELIVERED) + rest
    assert put(message, stream.event_type).event_id == plain_id(
        stream.event_type, undelivered=wire(*parts) + rest
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            METADATA + length_delimited(3, b"one"),
            METADATA + length_delimited(3, b"other"),
            id="payload under another number",
        ),
        pytest.param(METADATA + b"\x10\x01", METADATA + b"\x10\x02", id="payload is a number"),
        pytest.param(
            METADATA + length_delimited(2, b"\xff1") + length_delimited(2, b"\xff"),
            METADATA + length_delimited(2, b"\xff2") + length_delimited(2, b"\xff"),
            id="payload in parts",
        ),
        pytest.param(length_delimited(2, b"\xff\xff"), b"\xff\xff", id="payload or no protobuf"),
        pytest.param(b"\xff" * 11 + b"1", b"\xff" * 11 + b"2", id="no protobuf"),
    ],
)
def test_other_bytes_other_id(one: bytes, other: bytes) -> None:
    """Messages that say different things are never one event: the second would not be kept."""
    assert put(one).event_id != put(other).event_id


@given(stream_responses(), st.binary(max_size=5))
def test_id_is_never_a_readable_events(drawn: tuple[EventStream, Message], damage: bytes) -> None:
    """No message in quarantine has the id of an event that can be read, not even of the same."""
    stream, response = drawn
    readable = response.SerializeToString()
    event_id = EventReader(stream).read(readable, RECEIVED_AT).event_id
    assert put(readable, stream.event_type).event_id != event_id
    assert put(readable + damage, stream.event_type).event_id != event_id


# --- Whatever comes ---


@given(streams, st.binary(max_size=80))
@example(STREAMS["handset_change"], b"\x0b" * 200)
@example(STREAMS["handset_change"], b"\x80" * 11)
def test_any_bytes_become_a_delivery(stream: EventStream, message: bytes) -> None:
    """Whatever comes is a line, in quarantine, or a heartbeat, and nothing else raises."""
    delivery = DeliveryReader(stream).read(message, RECEIVED_AT)
    assert delivery is None or json.loads(delivery.line)["event_id"] == delivery.event_id


@given(stream_responses(), st.data())
def test_any_damage_becomes_a_delivery(
    drawn: tuple[EventStream, Message], data: st.DataObject
) -> None:
    """A real message with some bytes replaced, lost or added is a line, or in quarantine.

    Unless the damage leaves it without both event and handle, as a heartbeat is.
    """
    stream, response = drawn
    sound = response.SerializeToString()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(sound))] * 2), label="cut"))
    damaged = sound[:start] + data.draw(st.binary(max_size=8), label="damage") + sound[end:]
    delivery = DeliveryReader(stream).read(damaged, RECEIVED_AT)
    assert delivery is None or json.loads(delivery.line)["event_id"] == delivery.event_id


@st.composite
def damaged_beside_the_handle(draw: st.DrawFn) -> tuple[EventStream, bytes, str]:
    """Draw a message whose handle is whole and anything else damaged, in any order."""
    stream = draw(streams)
    handle = draw(st.text(min_size=1, max_size=20), label="handle")

    def damaged(descriptor: Descriptor) -> bytes:
        sound = draw(messages(descriptor)).SerializeToString()
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(sound))] * 2)))
        return sound[:start] + draw(st.binary(max_size=4)) + sound[end:]

    of_metadata = descriptor_of(Metadata).fields_by_name
    metadata = [
        *(
            length_delimited(field.number, damaged(field.message_type))
            for field in (of_metadata["timestamp"], of_metadata["identifier"])
            if field.message_type is not None and draw(st.booleans())
        ),
        *draw(st.lists(unknown_fields, max_size=2)),
        *draw(st.lists(st.just(REDELIVERED), max_size=1)),
        length_delimited(3, length_delimited(1, handle.encode())),
    ]
    payload = stream.payload_field.message_type
    assert payload is not None
    message = [
        length_delimited(1, b"".join(draw(st.permutations(metadata)))),
        *(length_delimited(2, damaged(payload)) for _ in range(draw(st.integers(0, 2)))),
        *draw(st.lists(unknown_fields, max_size=2)),
    ]
    return stream, b"".join(draw(st.permutations(message))), handle


@given(damaged_beside_the_handle())
def test_damage_beside_the_handle_leaves_it(drawn: tuple[EventStream, bytes, str]) -> None:
    """Damage that leaves the fields of message and metadata whole leaves the handle."""
    stream, message, handle = drawn
    assert read_or_put(stream, message).ack_info == handle
