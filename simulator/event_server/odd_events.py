"""Functions that turn an event into an odd one, which a client must tolerate.

They can be combined. An odd event is the same in every delivery.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from google.protobuf.timestamp_pb2 import Timestamp

from simulator.event_server.event import length_delimited, varint
from wgtwo.events.v1.events_pb2 import Metadata

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.event_server.event import Event

_UNKNOWN_NUMBER: Final = 1999
"""The number of an unknown field; its tag has two bytes."""

_NOT_UTF8: Final = b"\xc3\x28"


def without_payload(event: Event) -> Event:
    """Leave the event message unset."""
    return replace(event, payload=None)


def with_unknown_fields(event: Event) -> Event:
    """Add fields of a newer interface: at the top level, in the metadata, and in the payload."""
    text = length_delimited(_UNKNOWN_NUMBER, b"made up")
    number = varint(_UNKNOWN_NUMBER + 1 << 3) + varint(2**40)
    return replace(
        event,
        extra=event.extra + text + number,
        metadata=event.metadata + text,
        payload=None if event.payload is None else event.payload + number + text,
    )


def with_timestamp(event: Event, at: datetime | Timestamp | None) -> Event:
    """Set the time of the event; None for unset. A ``Timestamp`` may be out of range."""
    metadata = Metadata.FromString(event.metadata)
    metadata.ClearField("timestamp")
    if isinstance(at, Timestamp):
        metadata.timestamp.CopyFrom(at)
    elif at is not None:
        metadata.timestamp.FromDatetime(at)
    return replace(event, metadata=metadata.SerializeToString(deterministic=True))


def without_metadata(event: Event) -> Event:
    """Leave all metadata unset, except for what a delivery adds."""
    return replace(event, metadata=b"")


def of_size(event: Event, size_bytes: int) -> Event:
    """Make the event large, by an unknown field of its payload."""
    payload = event.payload or b""
    filler = b"x" * max(0, size_bytes - len(payload))
    return replace(event, payload=payload + length_delimited(_UNKNOWN_NUMBER, filler))


def with_text(event: Event, text: str) -> Event:
    """Set the payload's first number to any text.

    Only for event types whose payload has a ``number``.
    """
    from simulator.event_server.event_types import EVENT_TYPES  # noqa: PLC0415

    message = EVENT_TYPES[event.event_type].response.FromString(event.undelivered)
    getattr(message, EVENT_TYPES[event.event_type].payload_field).number.e164 = text
    return type(event).of(event.event_type, message)


def with_bad_payload(event: Event) -> Event:
    """Make the payload unparseable; metadata and ``ack_info`` stay in front of it."""
    return replace(event, payload=b"\xff\xff\xff\xff\xff")


def with_bad_utf8(event: Event) -> Event:
    """Add a number that isn't UTF-8 to the payload, which proto3 parsers reject."""
    number_field = {"handset_change": 4, "country_change": 3, "consent_change": 4}
    number = length_delimited(1, _NOT_UTF8)
    field = length_delimited(number_field.get(event.event_type, 1), number)
    return replace(event, payload=(event.payload or b"") + field)


def cut_short(event: Event) -> Event:
    """End the message within its payload; metadata and ``ack_info`` stay in front of it."""
    return replace(event, payload=None, extra=b"\x12\x7f" + (event.payload or b"")[:40])


def not_protobuf(event: Event, frame: bytes = b"\xff\xfe<html>502 Bad Gateway</html>") -> Event:
    """Send only these bytes, without an ``ack_info``."""
    return replace(event, frame=frame)
