"""Messages that can't become a line: what of them can be told, so that they can be kept and acked.

A message that our code can't parse is taken apart no further than needed: its time, its
subscription and its payload stay the bytes that they are, and only what belongs to the delivery is
looked for. So neither a text that is no UTF-8 nor a payload that is damaged or cut short is in the
way of an ack. Only a message whose metadata can't be found has no handle, and comes again whatever
is done.

The record is that of ``original_message``. The id is a digest as in ``event_id``, of four parts:
the event type, the word ``quarantine``, the message without ``ack_info`` and ``is_redelivered``,
and the whole message where it can't be taken apart; of the latter two one is absent.

What can't be read can't be pseudonymised either: the record holds the message in the clear, always.
But its id goes where nothing clear may be, into keys, logs and messages, so with pseudonyms on the
message enters it by a keyed digest.
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
    """Make the delivery of a message that can't become a line.

    Args:
        message: The message as it came.
        received_at: When it came, UTC.
        event_type: The stream's event type.
        reason: Why it can't become a line.
        pseudonyms: Those that events have; None if they have none.

    Returns:
        A delivery whose line is the record; without a handle if there is none to be found.
    """
    ack_info, is_redelivered = "", False
    undelivered = None
    envelope, rest = _open(message)
    if envelope is not None:
        metadata = envelope.metadata
        ack_info, is_redelivered = _text(metadata.ack_info.value), metadata.is_redelivered
        metadata.ClearField("ack_info")
        metadata.ClearField("is_redelivered")
        undelivered = envelope.SerializeToString(deterministic=True) + rest
    whole = message if undelivered is None else None
    if pseudonyms is not None:
        undelivered = None if undelivered is None else pseudonyms.event_part(undelivered)
        whole = None if whole is None else pseudonyms.event_part(whole)
    identity = digest(event_type.encode(), b"quarantine", undelivered, whole)
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
    """Take a message apart: what can be opened of it, and the rest as it is.

    That is all of it, or only its metadata, if these come first, as they do where fields are in
    the order of their numbers; None, and all as the rest, if not even these are whole.
    """
    for end in (len(message), _end_of_metadata(message)):
        try:
            return _ENVELOPE.FromString(message[:end]), message[end:]
        except DecodeError:
            continue
    return None, message


def _end_of_metadata(message: bytes) -> int:
    """Give where the first field ends by its own word; the whole length if it is no metadata."""
    if not message.startswith(_METADATA_TAG):
        return len(message)
    length = 0
    for index, byte in enumerate(message[1 : 1 + _LONGEST_VARINT]):
        length |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint has no high bit
            return min(2 + index + length, len(message))
    return len(message)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""  # a handle is a text; what is none can't be sent back


def _envelope() -> type[Message]:
    """Describe a stream response of which only what belongs to the delivery is known.

    All else is unknown fields, which are kept as they are.
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
"""Field 1, preceded by its length."""
_LONGEST_VARINT: Final = 10
_TYPES: Final = {"bytes": FieldDescriptorProto.TYPE_BYTES, "bool": FieldDescriptorProto.TYPE_BOOL}
_ENVELOPE: Final = _envelope()
