"""One event as bytes, serialised once for all its deliveries.

On the wire an event has three constant parts (metadata, payload, other fields) and one that differs
by delivery (``ack_info``, ``is_redelivered``). With separate parts a delivery costs only a few
concatenations, and a test can send what no message object can hold: unknown fields, text that isn't
UTF-8, no payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from google.protobuf import json_format

from simulator.event_server.event_types import EVENT_TYPES

_METADATA_NUMBER: Final = 1
_PAYLOAD_NUMBER: Final = 2
_ACK_INFO_NUMBER: Final = 3
_ACK_INFO_VALUE_NUMBER: Final = 1
_IS_REDELIVERED: Final = b"\x20\x01"  # field 4, varint, true


def varint(value: int) -> bytes:
    """Encode a number as protobuf does."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def length_delimited(number: int, value: bytes) -> bytes:
    """Encode a field that holds text, bytes or a message."""
    return varint(number << 3 | 2) + varint(len(value)) + value


@dataclass(frozen=True)
class Event:
    """An event without the fields of a single delivery.

    Attributes:
        event_type: The name of its stream.
        metadata: The serialised ``Metadata``, without ``ack_info`` and ``is_redelivered``.
        payload: The serialised event message; None to leave the field unset.
        extra: More serialised fields at the top level.
        frame: Sent instead of all of the above, without ``ack_info``.
    """

    event_type: str
    metadata: bytes
    payload: bytes | None
    extra: bytes = b""
    frame: bytes | None = None

    @classmethod
    def of(cls, event_type: str, message: Any) -> Event:
        """Return the event in a response message, without the delivery's fields."""
        metadata = type(message.metadata)()
        metadata.CopyFrom(message.metadata)
        metadata.ClearField("ack_info")
        metadata.ClearField("is_redelivered")
        field = EVENT_TYPES[event_type].payload_field
        payload = None
        if any(present.name == field for present, _ in message.ListFields()):
            payload = getattr(message, field).SerializeToString(deterministic=True)
        return cls(event_type, metadata.SerializeToString(deterministic=True), payload)

    @classmethod
    def from_json(cls, event_type: str, text: str) -> Event:
        """Return the event in protobuf's JSON form of a response message.

        Raises:
            google.protobuf.json_format.ParseError: The text isn't such a message.
        """
        message = json_format.Parse(text, EVENT_TYPES[event_type].response())
        return cls.of(event_type, message)

    @cached_property
    def undelivered(self) -> bytes:
        """The whole message without ``ack_info`` and ``is_redelivered``."""
        if self.frame is not None:
            return self.frame
        return length_delimited(_METADATA_NUMBER, self.metadata) + self._tail

    def delivery(self, ack_info: str | None, *, is_redelivered: bool) -> bytes:
        """Return the message of one delivery."""
        if self.frame is not None:
            return self.frame
        metadata = self.metadata
        if ack_info is not None:
            value = length_delimited(_ACK_INFO_VALUE_NUMBER, ack_info.encode())
            metadata += length_delimited(_ACK_INFO_NUMBER, value)
        if is_redelivered:
            metadata += _IS_REDELIVERED
        return length_delimited(_METADATA_NUMBER, metadata) + self._tail

    @cached_property
    def _tail(self) -> bytes:
        if self.payload is None:
            return self.extra
        return length_delimited(_PAYLOAD_NUMBER, self.payload) + self.extra
