from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.events import event_id
from tests.deliveries import (
    RECEIVED_AT,
    EventReader,
    descriptor_of,
    rewritten,
    stream_responses,
    unknown_fields,
)

if TYPE_CHECKING:
    from typing import Any

    from google.protobuf.message import Message

    from eventdrain.events import EventStream

# The published vectors. They were computed by `plain_event_id` below, and the payloads written by
# hand from the protobuf encoding: `number` is field 1, `e164` field 1 in it, and so on.
VECTORS: Final = [
    pytest.param(
        "first_attachment",
        (1_633_012_075, 468_000_000),
        "madeup:eu:1",
        "0a0d0a0b2b39393930303030303031" + "12110a0f303031303130303030303030303031",
        "184b77778323add12bdf06bdf2a7e6fc",  # pragma: allowlist secret
        id="all parts",
    ),
    pytest.param(
        "first_attachment",
        None,
        None,
        "",
        "4d0c2cb8f51652e5ac148e18c36d2164",  # pragma: allowlist secret
        id="nothing but a type",
    ),
    pytest.param(
        "consent_change",
        (0, 0),
        "ce78",
        "2a00",
        "99fd29f30f27a23767cdb83b275da336",  # pragma: allowlist secret
        id="empty text, time zero",
    ),
    pytest.param(
        "handset_change",
        (-1, 999_999_999),
        "тест:eu:1",
        "fa3e0131",
        "480d86585a88eb64eaa50f813db38a79",  # pragma: allowlist secret
        id="odd ones",
    ),
]

parts: Final = st.tuples(
    st.text(max_size=5),
    st.none() | st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1)),
    st.none() | st.text(max_size=5),
    st.binary(max_size=5),
)


def plain_event_id(
    event_type: str, timestamp: tuple[int, int] | None, subscription: str | None, payload: bytes
) -> str:
    """Compute an event id by the published definition, without the engine's code."""
    text = None if timestamp is None else str(timestamp[0]) + "." + format(timestamp[1], "09d")
    digest = hashlib.sha256()
    for part in (event_type, text, subscription):
        if part is None:
            digest.update(b"\xff" * 4)
        else:
            digest.update(struct.pack(">I", len(part.encode("utf-8"))) + part.encode("utf-8"))
    digest.update(struct.pack(">I", len(payload)) + payload)
    return digest.digest()[:16].hex()


def id_of(stream: EventStream, message: bytes) -> str:
    """Return the id of the event in a delivered message."""
    return EventReader(stream).read(message, RECEIVED_AT).event_id


@pytest.mark.parametrize(
    ("event_type", "timestamp", "subscription", "payload", "expected"), VECTORS
)
def test_published_vectors(
    event_type: str,
    timestamp: tuple[int, int] | None,
    subscription: str | None,
    payload: str,
    expected: str,
) -> None:
    """Our code and a plain implementation compute the published ids."""
    event = (event_type, timestamp, subscription, bytes.fromhex(payload))
    assert plain_event_id(*event) == expected
    assert event_id(*event) == expected


@given(parts)
def test_equals_the_plain_one(
    event: tuple[str, tuple[int, int] | None, str | None, bytes],
) -> None:
    """The id follows its definition, for any parts."""
    assert event_id(*event) == plain_event_id(*event)


# --- What is one event ---


@given(stream_responses(), st.lists(unknown_fields, max_size=1))
def test_id_is_of_type_time_subscription_and_payload(
    drawn: tuple[EventStream, Any], extra: list[bytes]
) -> None:
    """The id depends on the whole payload, not on handle, redelivery flag and arrival."""
    stream, response = drawn
    payload = getattr(response, stream.payload_field.name)
    payload.MergeFromString(b"".join(extra))
    metadata = response.metadata
    time = metadata.timestamp
    identifier = metadata.identifier.subscription_identifier
    assert id_of(stream, response.SerializeToString()) == plain_event_id(
        stream.event_type,
        (time.seconds, time.nanos) if metadata.HasField("timestamp") else None,
        identifier.wg2rn or identifier.value or None,
        payload.SerializeToString(deterministic=True),
    )


@given(stream_responses(), st.lists(unknown_fields, max_size=2), st.data())
def test_same_however_it_is_written(
    drawn: tuple[EventStream, Message], extra: list[bytes], data: st.DataObject
) -> None:
    """Other serialisations of a message, with reordered fields or split messages, are one event."""
    stream, response = drawn
    payload = getattr(response, stream.payload_field.name)
    payload.MergeFromString(b"".join(extra))
    message = response.SerializeToString()
    other = data.draw(rewritten(message, descriptor_of(response)))
    assert id_of(stream, other) == id_of(stream, message)
