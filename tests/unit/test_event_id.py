from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eventdrain.events import STREAMS, DeliveryReader, event_id
from tests.deliveries import (
    RECEIVED_AT,
    descriptor_of,
    responses,
    rewritten,
    stream_responses,
    unknown_fields,
)
from wgtwo.common.v1.phonenumber_pb2 import E164
from wgtwo.common.v1.types_pb2 import Imsi, SubscriptionIdentifier
from wgtwo.consents.v1.consent_events_pb2 import (
    ConsentAdded,
    ConsentChangeEvent,
    StreamConsentChangeEventsResponse,
)
from wgtwo.events.v1.events_pb2 import AckInfo, Identifier, Metadata
from wgtwo.subscription.v1.subscription_events_pb2 import (
    FirstAttachmentEvent,
    StreamFirstAttachmentEventsResponse,
)

if TYPE_CHECKING:
    from typing import Any

    from google.protobuf.message import Message

    from eventdrain.events import EventStream

FIRST_ATTACHMENT: Final = STREAMS["first_attachment"]

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
    """Give the id of the event in a delivered message."""
    return DeliveryReader(stream).read(message, RECEIVED_AT).event_id


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
    """The ids that are published stay what they are, by our code and by a plain one."""
    event = (event_type, timestamp, subscription, bytes.fromhex(payload))

    assert plain_event_id(*event) == expected
    assert event_id(*event) == expected


def test_vector_from_a_message() -> None:
    """A message read from the wire gets the id that is published for what it says."""
    metadata = Metadata(
        identifier=Identifier(
            subscription_identifier=SubscriptionIdentifier(wg2rn="madeup:eu:1", value="ignored")
        ),
        ack_info=AckInfo(value="made up"),
        is_redelivered=True,
    )
    metadata.timestamp.seconds, metadata.timestamp.nanos = 1_633_012_075, 468_000_000
    response = StreamFirstAttachmentEventsResponse(
        metadata=metadata,
        first_attachment_event=FirstAttachmentEvent(
            number=E164(e164="+9990000001"), imsi=Imsi(value="001010000000001")
        ),
    )

    expected = "184b77778323add12bdf06bdf2a7e6fc"  # pragma: allowlist secret
    assert id_of(FIRST_ATTACHMENT, response.SerializeToString()) == expected


@given(parts)
def test_equals_the_plain_one(
    event: tuple[str, tuple[int, int] | None, str | None, bytes],
) -> None:
    """The id is what its definition says, for whatever parts."""
    assert event_id(*event) == plain_event_id(*event)


@given(parts, parts)
def test_other_parts_other_id(
    one: tuple[str, tuple[int, int] | None, str | None, bytes],
    other: tuple[str, tuple[int, int] | None, str | None, bytes],
) -> None:
    """Events that differ in any part have different ids."""
    assert (event_id(*one) == event_id(*other)) == (one == other)


@given(st.text(max_size=6), st.data())
def test_no_byte_moves_between_parts(text: str, data: st.DataObject) -> None:
    """The same bytes, cut elsewhere into type, subscription and payload, are another event."""
    cuts = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    one, other = data.draw(cuts), data.draw(cuts)
    assume(one != other)

    def cut(first: int, second: int) -> str:
        return event_id(text[:first], None, text[first:second], text[second:].encode())

    assert cut(*one) != cut(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a", None, None, b""), ("a", None, "", b""), id="subscription"),
        pytest.param(("a", None, None, b""), ("a", (0, 0), None, b""), id="timestamp"),
        pytest.param(("a", None, "b", b""), ("a", (0, 0), "b", b""), id="timestamp, with one"),
        pytest.param(("a", (1, 2), None, b""), ("a", (12, 0), None, b""), id="digits of the time"),
    ],
)
def test_absent_is_not_empty(
    one: tuple[str, tuple[int, int] | None, str | None, bytes],
    other: tuple[str, tuple[int, int] | None, str | None, bytes],
) -> None:
    """A part that is unset is another event than one that is empty or zero."""
    assert event_id(*one) != event_id(*other)


# --- What is one event ---


@given(stream_responses(), st.data())
def test_same_for_every_delivery(drawn: tuple[EventStream, Any], data: st.DataObject) -> None:
    """Handle, redelivery flag and time of arrival differ between deliveries of one event."""
    stream, response = drawn
    first = DeliveryReader(stream).read(response.SerializeToString(), RECEIVED_AT)
    response.metadata.ack_info.value = data.draw(st.text(), label="ack_info")
    response.metadata.is_redelivered = not response.metadata.is_redelivered
    later = RECEIVED_AT.replace(year=2027)

    assert DeliveryReader(stream).read(response.SerializeToString(), later).event_id == (
        first.event_id
    )


@given(stream_responses(), st.lists(unknown_fields, max_size=2), st.data())
def test_same_however_it_is_written(
    drawn: tuple[EventStream, Message], extra: list[bytes], data: st.DataObject
) -> None:
    """Fields in another order, and messages in several parts, are the same event."""
    stream, response = drawn
    payload = getattr(response, stream.payload_field.name)
    payload.MergeFromString(b"".join(extra))
    message = response.SerializeToString()
    other = data.draw(rewritten(message, descriptor_of(response)))

    assert id_of(stream, other) == id_of(stream, message)


def test_same_with_a_superseded_field() -> None:
    """A field that the wire holds twice is what the last one says."""
    once = FirstAttachmentEvent(number=E164(e164="+9991")).SerializeToString()
    twice = FirstAttachmentEvent(number=E164(e164="+9992")).SerializeToString() + once
    messages = [
        StreamFirstAttachmentEventsResponse(
            first_attachment_event=FirstAttachmentEvent.FromString(payload)
        ).SerializeToString()
        for payload in (once, twice)
    ]

    assert id_of(FIRST_ATTACHMENT, messages[0]) == id_of(FIRST_ATTACHMENT, messages[1])


# --- What is another event ---


@given(
    st.sampled_from(list(STREAMS.values())).flatmap(
        lambda s: st.tuples(st.just(s), responses(s), responses(s))
    )
)
def test_other_content_other_id(drawn: tuple[EventStream, Any, Any]) -> None:
    """Messages of one stream have one id only if they say the same of the event."""
    stream, one, other = drawn

    def says(response: Any) -> tuple[object, ...]:
        metadata = response.metadata
        identifier = metadata.identifier.subscription_identifier
        payload = getattr(response, stream.payload_field.name)
        return (
            metadata.HasField("timestamp"),
            metadata.timestamp.seconds,
            metadata.timestamp.nanos,
            identifier.wg2rn or identifier.value,
            payload.SerializeToString(deterministic=True),
        )

    ids = [id_of(stream, response.SerializeToString()) for response in (one, other)]
    assert (ids[0] == ids[1]) == (says(one) == says(other))


@given(stream_responses(), unknown_fields)
def test_unknown_payload_field_is_another_event(
    drawn: tuple[EventStream, Message], extra: bytes
) -> None:
    """What our descriptors don't know of a payload tells events apart all the same."""
    stream, response = drawn
    before = id_of(stream, response.SerializeToString())
    getattr(response, stream.payload_field.name).MergeFromString(extra)

    assert id_of(stream, response.SerializeToString()) != before


def test_other_stream_other_id() -> None:
    """Equal bytes on two streams are two events."""
    ids = {id_of(stream, b"\x12\x00") for stream in STREAMS.values()}

    assert len(ids) == len(STREAMS)


def test_order_of_repeated_values_matters() -> None:
    """The order of a list is part of what an event says."""
    ids = [
        id_of(
            STREAMS["consent_change"],
            StreamConsentChangeEventsResponse(
                consent_change_event=ConsentChangeEvent(added=ConsentAdded(scopes=scopes))
            ).SerializeToString(),
        )
        for scopes in (["a", "b"], ["b", "a"], ["ab"])
    ]

    assert len(set(ids)) == 3
