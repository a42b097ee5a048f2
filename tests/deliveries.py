"""Stream messages and deliveries for tests: builders, and strategies that draw odd ones.

All of it is made up; see ``simulator.event_server.made_up`` for realistic events.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from eventdrain.events import (
    MAX_LINE_BYTES,
    STREAMS,
    ArchiveLayout,
    Delivery,
    DeliveryReader,
    EventStream,
    PointerReason,
    pointer_reason,
    quarantined,
)
from simulator.event_server import length_delimited, varint
from wgtwo.subscription.v1.subscription_events_pb2 import StreamHandsetChangeEventsResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

RECEIVED_AT: Final = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
LAYOUT: Final = ArchiveLayout("made-up-bucket", "events", "quarantine")
FIRST_SECOND: Final = 1_772_366_400
"""2026-03-01T12:00:00Z: the time of event 0 of :func:`message`; each next one is a second later."""

# --- Builders ---


def message(
    index: int = 0, *, delivery: int = 0, redelivered: bool = False, ack_info: str | None = None
) -> bytes:
    """Return a serialised handset change.

    Args:
        index: The number of the event.
        delivery: The number of the delivery; its ``ack_info`` is ``ack-<index>-<delivery>``.
        redelivered: Whether it is marked as redelivered.
        ack_info: Another ``ack_info``; empty for none.
    """
    response = StreamHandsetChangeEventsResponse()
    response.metadata.timestamp.seconds = FIRST_SECOND + index
    response.metadata.identifier.subscription_identifier.wg2rn = f"madeup:eu:{index}"
    response.metadata.ack_info.value = f"ack-{index}-{delivery}" if ack_info is None else ack_info
    response.metadata.is_redelivered = redelivered
    response.handset_change_event.number.e164 = f"+999{index:010d}"
    return response.SerializeToString(deterministic=True)


def unreadable_message(index: int = 0) -> bytes:
    """Return a message that doesn't parse and has no handle."""
    return b"\xff\xff" + str(index).encode()


def poison_message(
    index: int = 0, *, delivery: int = 0, redelivered: bool = False, ack_info: str | None = None
) -> bytes:
    """Return a message with a number that isn't UTF-8, so it doesn't parse; it has its handle."""
    readable = message(index, delivery=delivery, redelivered=redelivered, ack_info=ack_info)
    return readable.replace(b"+999", b"\xff999")


def oversize_message(index: int = 0) -> bytes:
    """Return a message with a number so long that its line is too large for SQS."""
    response = StreamHandsetChangeEventsResponse.FromString(message(index))
    response.handset_change_event.number.e164 += "9" * MAX_LINE_BYTES
    return response.SerializeToString(deterministic=True)


def delivery_of(
    index: int = 0, *, delivery: int = 0, redelivered: bool = False, ack_info: str | None = None
) -> Delivery:
    """Return the delivery of :func:`message`."""
    return reader().read(
        message(index, delivery=delivery, redelivered=redelivered, ack_info=ack_info), RECEIVED_AT
    )


def quarantined_of(
    index: int = 0, *, delivery: int = 0, redelivered: bool = False, ack_info: str | None = None
) -> Delivery:
    """Return the quarantined delivery of :func:`poison_message`."""
    poison = poison_message(index, delivery=delivery, redelivered=redelivered, ack_info=ack_info)
    return quarantined(
        poison, RECEIVED_AT, event_type="handset_change", reason="made up: cannot be parsed"
    )


_TOO_LONG_LINE: Final = "x" * (MAX_LINE_BYTES + 1)


def oversize_of(
    index: int = 0, *, delivery: int = 0, redelivered: bool = False, ack_info: str | None = None
) -> Delivery:
    """Return :func:`delivery_of` with a line that is one byte too large for a message."""
    fitting = delivery_of(index, delivery=delivery, redelivered=redelivered, ack_info=ack_info)
    return fitting._replace(line=_TOO_LONG_LINE, pointer=PointerReason.OVERSIZE)


class EventReader(DeliveryReader):
    """A reader that fails on heartbeats."""

    def read(self, message: bytes, received_at: datetime) -> Delivery:
        """See ``DeliveryReader``."""
        delivery = super().read(message, received_at)
        assert delivery is not None, "the message is a heartbeat"
        return delivery


def reader() -> EventReader:
    """Return a reader for messages of :func:`message`."""
    return EventReader(STREAMS["handset_change"])


def line_delivery(
    event_id: str = "0" * 32,
    *,
    event_time: str | None = "2026-03-01T12:00:00Z",
    subscription_id: str = "madeup:eu:0",
    received_at: datetime = RECEIVED_AT,
    line: str = "{}",
) -> Delivery:
    """Return a delivery without a message."""
    return Delivery(
        event_id=event_id,
        event_type="handset_change",
        ack_info=f"ack-{event_id}",
        event_time=event_time,
        subscription_id=subscription_id,
        redelivered=False,
        received_at=received_at,
        line=line,
        pointer=pointer_reason(line),
    )


# --- Strategies: messages ---

streams: Final = st.sampled_from(list(STREAMS.values()))


def descriptor_of(message: Message | type[Message]) -> Descriptor:
    """Return the descriptor of a message, with the type that its stubs use."""
    return cast("Descriptor", message.DESCRIPTOR)


_SCALARS: Final[dict[int, st.SearchStrategy[Any]]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=20),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
}


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor) -> Message:
    """Draw any message of a type: each field set or not, empty or not, at every depth."""
    drawn = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if not draw(st.booleans(), label=f"has {field.name}"):
            continue
        if field.message_type is not None:
            getattr(drawn, field.name).CopyFrom(draw(messages(field.message_type)))
        elif field.is_repeated:
            getattr(drawn, field.name).extend(
                draw(st.lists(_SCALARS[field.type], max_size=3), label=field.name)
            )
        else:
            setattr(drawn, field.name, draw(_SCALARS[field.type], label=field.name))
    return drawn


timestamps_in_range: Final = st.tuples(
    st.integers(-62_135_596_800, 253_402_300_799),
    st.one_of(
        st.just(0),
        st.integers(0, 999).map(lambda milliseconds: milliseconds * 1_000_000),
        st.integers(0, 999_999).map(lambda microseconds: microseconds * 1_000),
        st.integers(0, 999_999_999),
    ),
)
"""Seconds and nanoseconds within the range of ``google.protobuf.Timestamp``."""


@st.composite
def responses(draw: st.DrawFn, stream: EventStream) -> Message:
    """Draw any response of a stream that holds an event."""
    response = draw(messages(descriptor_of(stream.stream_response)))
    payload = getattr(response, stream.payload_field.name)
    payload.SetInParent()
    if draw(st.booleans(), label="timestamp in range"):
        seconds, nanos = draw(timestamps_in_range)
        metadata: Any = response
        metadata.metadata.timestamp.seconds = seconds
        metadata.metadata.timestamp.nanos = nanos
    return response


@st.composite
def stream_responses(draw: st.DrawFn) -> tuple[EventStream, Message]:
    """Draw a stream and any response of it that holds an event."""
    stream = draw(streams)
    return stream, draw(responses(stream))


_unknown_numbers: Final = st.integers(100, 2**29 - 1).filter(
    lambda number: not 19_000 <= number <= 19_999
)
unknown_fields: Final = st.one_of(
    st.builds(
        lambda number, value: varint(number << 3) + varint(value),
        _unknown_numbers,
        st.integers(0, 2**64 - 1),
    ),
    st.builds(
        lambda number, value: varint(number << 3 | 1) + value,
        _unknown_numbers,
        st.binary(min_size=8, max_size=8),
    ),
    st.builds(length_delimited, _unknown_numbers, st.binary(max_size=10)),
    st.builds(
        lambda number, value: varint(number << 3 | 5) + value,
        _unknown_numbers,
        st.binary(min_size=4, max_size=4),
    ),
)
"""Serialised unknown fields, one of each wire type."""

# --- Other serialisations of the same message ---


def fields_on_the_wire(message: bytes) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Split a serialised message into its fields.

    Yields:
        Each field's number, all its bytes, and its content if it is length-delimited.
    """
    position = 0
    while position < len(message):
        start = position
        tag, position = _read_varint(message, position)
        content = None
        match tag & 7:
            case 0:
                _, position = _read_varint(message, position)
            case 1:
                position += 8
            case 2:
                length, position = _read_varint(message, position)
                content = message[position : position + length]
                position += length
            case 5:
                position += 4
            case kind:
                raise NotImplementedError(kind)
        yield tag >> 3, message[start:position], content


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


@st.composite
def rewritten(draw: st.DrawFn, message: bytes, descriptor: Descriptor) -> bytes:
    """Draw another serialisation of the same message: fields in any order, messages in parts.

    Unknown fields come last, in their order, as another order could change their meaning.
    """
    known: list[list[bytes]] = []
    unknown = b""
    for number, whole, content in fields_on_the_wire(message):
        field = descriptor.fields_by_number.get(number)
        if field is None:
            unknown += whole
        elif field.message_type is not None:
            assert content is not None
            parts = _split(draw, draw(rewritten(content, field.message_type)))
            known.append([length_delimited(number, part) for part in parts])
        elif field.is_repeated and known and known[-1][0][:1] == whole[:1]:
            known[-1].append(whole)
        else:
            known.append([whole])
    written = b""
    while known:
        group = draw(st.sampled_from(known))
        written += group.pop(0)
        known = [each for each in known if each]
    return written + unknown


def _split(draw: st.DrawFn, content: bytes) -> list[bytes]:
    """Split a message between two of its fields; a parser merges the parts."""
    fields = [whole for _, whole, _ in fields_on_the_wire(content)]
    if not draw(st.booleans(), label="in two parts"):
        return [content]
    cut = draw(st.integers(0, len(fields)))
    return [b"".join(fields[:cut]), b"".join(fields[cut:])]


def set_messages(message: Message) -> list[Message]:
    """Return a message and all messages in it."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None and not field.is_repeated:
            found.extend(set_messages(value))
    return found
