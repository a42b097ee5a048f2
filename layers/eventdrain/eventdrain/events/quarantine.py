"""Quarantine: messages that cannot be converted to a line are kept as received and still acked.

Only the delivery's own fields, ``ack_info`` and ``is_redelivered``, are parsed. Everything else
stays raw bytes, so that invalid UTF-8 or a damaged payload does not prevent an ack. Only a message
whose metadata cannot be parsed has no ack handle; the server then delivers it again.

The record is described in ``original_message``. The id is a digest as in ``event_id``, over four
parts: the event type, the word ``quarantine``, the message without ``ack_info`` and
``is_redelivered``, and the whole message. Only one of the last two parts is present: the third if
the metadata can be parsed, otherwise the fourth.

A message that cannot be parsed cannot be pseudonymised: the record always holds it in clear text.
Its id, however, appears in keys, logs and queue messages, which must not hold clear text. With
pseudonyms, the message therefore enters the id as a keyed digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from eventdrain.events.delivery import Delivery, PointerReason
from eventdrain.events.event_id import digest
from eventdrain.events.original_message import original_message
from eventdrain.events.times import milliseconds

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.message import Message

    from eventdrain.events.pseudonyms import Pseudonyms


def quarantined(
    message: bytes,
    received_at: datetime,
    *,
    event_type: str,
    reason: str,
    pseudonyms: Pseudonyms | None = None,
) -> Delivery:
    """Return the quarantined delivery of a message that cannot be converted to a line.

    Args:
        message: The message as received.
        received_at: The arrival time, UTC.
        event_type: The stream's event type.
        reason: Why the message cannot be converted.
        pseudonyms: The pseudonyms of the stream's events; None if they are not pseudonymised.

    Returns:
        A delivery whose line is the record. Its ``ack_info`` is empty if none can be parsed.
    """
    ack_info, is_redelivered = "", False
    content = None
    envelope, rest = _open(message)
    if envelope is not None:
        metadata = envelope.metadata
        ack_info, is_redelivered = _text(metadata.ack_info.value), metadata.is_redelivered
        metadata.ClearField("ack_info")
        metadata.ClearField("is_redelivered")
        content = envelope.SerializeToString(deterministic=True) + rest
    whole = message if content is None else None
    if pseudonyms is not None:
        content = None if content is None else pseudonyms.event_part(content)
        whole = None if whole is None else pseudonyms.event_part(whole)
    identity = digest(event_type.encode(), b"quarantine", content, whole)
    record = original_message(
        identity,
        message,
        event_type=event_type,
        reason=reason,
        received_at=milliseconds(received_at),
    )
    return Delivery(
        event_id=identity,
        event_type=event_type,
        ack_info=ack_info,
        event_time=None,
        subscription_id="",
        redelivered=is_redelivered,
        received_at=received_at,
        line=record,
        pointer=PointerReason.QUARANTINE,
    )


def _open(message: bytes) -> tuple[Any, bytes]:
    """Parse as much of a message's envelope as possible.

    Returns:
        The envelope and the remaining bytes. The envelope holds the whole message; or only the
        metadata, if it comes first (the usual order of fields) and the rest is damaged; or it is
        None if the metadata is damaged too.
    """
    for end in (len(message), _end_of_metadata(message)):
        try:
            return _ENVELOPE.FromString(message[:end]), message[end:]
        except DecodeError:
            continue
    return None, message


def _end_of_metadata(message: bytes) -> int:
    """Return the end of the leading metadata field by its length prefix, at most the message's end.

    Returns the message's length if the first field is not the metadata.
    """
    if not message.startswith(_METADATA_TAG):
        return len(message)
    length = 0
    for index, byte in enumerate(message[1 : 1 + _MAX_VARINT_BYTES]):
        length |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint has no high bit
            return min(2 + index + length, len(message))
    return len(message)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""  # a handle is a string field: other bytes could not be sent back


def _envelope() -> type[Message]:
    """Build the message type of a response that knows only the delivery's own fields.

    Everything else is an unknown field, which protobuf keeps as raw bytes.
    """
    file = FileDescriptorProto(name="envelope.proto", syntax="proto2")
    for name, fields in (
        ("AckInfo", {"value": (1, "bytes")}),
        ("Metadata", {"ack_info": (3, "AckInfo"), "is_redelivered": (4, "bool")}),
        ("Envelope", {"metadata": (1, "Metadata")}),
    ):
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            message.field.add(
                name=field,
                number=number,
                label=FieldDescriptorProto.LABEL_OPTIONAL,
                type=_TYPES.get(kind, FieldDescriptorProto.TYPE_MESSAGE),
                type_name=kind if kind not in _TYPES else None,
            )
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("Envelope"))


_METADATA_TAG: Final = b"\x0a"
"""Field 1, length-delimited."""
_MAX_VARINT_BYTES: Final = 10
_TYPES: Final = {"bytes": FieldDescriptorProto.TYPE_BYTES, "bool": FieldDescriptorProto.TYPE_BOOL}
_ENVELOPE: Final = _envelope()
