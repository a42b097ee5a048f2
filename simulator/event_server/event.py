"""One event as bytes: serialised once, sent as often as it takes.

An event reaches the wire in three parts that never change (metadata, payload, whatever follows)
and one that differs for each delivery (``ack_info``, ``is_redelivered``). Keeping the parts apart
makes a delivery cost a few concatenations, and lets a test send what no message object can hold:
unknown fields, text that is no UTF-8, no payload at all.
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
    """What a stream carries, without what belongs to one delivery of it.

    Attributes:
        event_type: The name of its stream.
        metadata: The serialised ``Metadata``, without ``ack_info`` and ``is_redelivered``.
        payload: The serialised event message; None where the field shall be unset.
        extra: Serialised fields that follow at the top level.
        frame: Sent in place of all of the above, and never with an ``ack_info``.
    """

    event_type: str
    metadata: bytes
    payload: bytes | None
    extra: bytes = b""
    frame: bytes | None = None

    @classmethod
    def of(cls, event_type: str, message: Any) -> Event:
        """Take an event from a response message; its delivery's fields are left out."""
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
        """Take an event from protobuf's JSON form of a response message.

        Raises:
            google.protobuf.json_format.ParseError: The text is no such message.
        """
        message = json_format.Parse(text, EVENT_TYPES[event_type].response())
        return cls.of(event_type, message)

    @cached_property
    def undelivered(self) -> bytes:
        """The whole message with no ``ack_info`` and no ``is_redelivered``: what the event is."""
        if self.frame is not None:
            return self.frame
        return length_delimited(_METADATA_NUMBER, self.metadata) + self._tail

    def delivery(self, ack_info: str | None, *, is_redelivered: bool) -> bytes:
        """Return the message as one delivery carries it."""
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
