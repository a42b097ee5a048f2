"""Conversion of messages from the wire to deliveries with their lines.

A line is the form of an event in the archive and the queue: JSON on one line, ASCII only (which SQS
always accepts), with these keys in this order:

=================== ================================================================================
``event_id``        see ``event_id``
``event_type``      the stream's event type
``event_time``      RFC 3339, UTC, with the precision that was sent; null if unset or out of range
``subscription_id`` ``wg2rn``, or the deprecated ``value`` if that is empty; null if both are
``redelivered``     whether the server marked this delivery as a redelivery
``received_at``     the delivery's arrival time, RFC 3339, UTC, milliseconds
``event``           the payload in protobuf's JSON mapping, proto field names, unset fields omitted
``raw``             the message in base64, present only if the other keys cannot represent it: it
                    has unknown fields, or a timestamp out of range
=================== ================================================================================

With pseudonyms, everything, including the event id, is computed after identifiers were replaced
(see ``message_pseudonyms``). ``raw`` is then the changed message, without ``ack_info`` and unknown
fields. The original of a message with unknown fields is archived separately.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from eventdrain.errors import UnreadableDelivery, note_unexpected
from eventdrain.events.delivery import Delivery
from eventdrain.events.event_id import event_id
from eventdrain.events.json_mapping import json_mapping, json_string
from eventdrain.events.message_pseudonyms import MessagePseudonyms
from eventdrain.events.original_message import original_message
from eventdrain.events.pointer import pointer_reason
from eventdrain.events.quarantine import quarantined
from eventdrain.events.times import milliseconds, rfc3339
from eventdrain.events.unknown_fields import discard_unknown_fields

if TYPE_CHECKING:
    from datetime import datetime

    from eventdrain.events.pseudonyms import Pseudonyms
    from eventdrain.events.streams import EventStream
    from wgtwo.events.v1.events_pb2 import Metadata

_logger = logging.getLogger(__name__)

_HAS_UNKNOWN_FIELDS: Final = "has fields that are not known"
"""This text must not change: it is in the records of live archives, as are the other reasons."""


class DeliveryReader:
    """Converts the messages of one stream to deliveries.

    Args:
        stream: The stream that the messages come from.
        pseudonyms: Replaces identifiers; None to keep them.

    Raises:
        ValueError: The stream's messages cannot be pseudonymised.
    """

    def __init__(self, stream: EventStream, pseudonyms: Pseudonyms | None = None) -> None:
        self._event_type = stream.event_type
        self._parse = stream.stream_response.FromString
        self._payload_name = stream.payload_field.name
        message_type = stream.payload_field.message_type
        if message_type is None:
            raise TypeError(f"{stream.payload_field.full_name} is not a message")
        self._payload_json = json_mapping(message_type)
        self._pseudonyms = pseudonyms
        self._in_messages = None if pseudonyms is None else MessagePseudonyms(stream, pseudonyms)
        self._received_at: datetime | None = None
        self._received_text = ""

    def read(self, message: bytes, received_at: datetime) -> Delivery | None:
        """Convert one message of the stream. Never raises.

        Args:
            message: A serialised stream response.
            received_at: The arrival time, UTC.

        Returns:
            The delivery. It is quarantined if the message cannot be converted to a line, even if
            the cause is a bug, so that one message does not stop the others. None for a heartbeat:
            a message with neither an event nor an ack handle.
        """
        try:
            return self._read(message, received_at)
        except UnreadableDelivery as error:
            reason = error.reason
        except Exception as error:  # noqa: BLE001 - a bug with one event must not stop the others
            note_unexpected(error, "reading a delivery")
            reason = "causes an unexpected error"
        delivery = quarantined(
            message,
            received_at,
            event_type=self._event_type,
            reason=reason,
            pseudonyms=self._pseudonyms,
        )
        _logger.warning(
            "delivery quarantined as event %s: its message %s",
            delivery.event_id,
            reason,
        )
        return delivery

    def is_heartbeat(self, message: bytes) -> bool:
        """Return whether a message has neither an event nor an ack handle."""
        try:
            return self._is_empty(self._parse(message))
        except DecodeError:
            return False

    def _is_empty(self, response: Any) -> bool:
        # An unknown field may be a new kind of event.
        has_event = response.HasField(self._payload_name)
        return not (
            has_event or response.metadata.ack_info.value or discard_unknown_fields(response)
        )

    def _read(self, message: bytes, received_at: datetime) -> Delivery | None:
        try:
            response: Any = self._parse(message)
        except DecodeError as error:
            # The error's text may quote the message.
            raise UnreadableDelivery("does not parse") from error
        if self._is_empty(response):
            return None
        if not response.HasField(self._payload_name):
            raise UnreadableDelivery("holds no event")
        payload = getattr(response, self._payload_name)
        has_original = False
        if self._in_messages is None:
            content = payload.SerializeToString(deterministic=True)
        else:
            content, has_original = self._in_messages.apply(response, message)
        metadata: Metadata = response.metadata
        timestamp = (
            (metadata.timestamp.seconds, metadata.timestamp.nanos)
            if metadata.HasField("timestamp")
            else None
        )
        event_time = None if timestamp is None else rfc3339(*timestamp)
        subscription = metadata.identifier.subscription_identifier
        subscription_id = subscription.wg2rn or subscription.value or None
        identity = event_id(self._event_type, timestamp, subscription_id, content)
        event = self._payload_json(payload)
        if received_at is not self._received_at:  # messages that arrived together share the object
            self._received_at, self._received_text = received_at, milliseconds(received_at)
        raw = ""
        is_out_of_range = timestamp is not None and event_time is None
        # Nothing uses the response after this. With pseudonyms, it has no unknown fields any more.
        if is_out_of_range or (self._in_messages is None and discard_unknown_fields(response)):
            kept = message if self._in_messages is None else _without_handle(response)
            raw = f',"raw":"{b64encode(kept).decode()}"'
        line = (
            f'{{"event_id":"{identity}","event_type":"{self._event_type}",'
            f'"event_time":{_json(event_time)},"subscription_id":{_json(subscription_id)},'
            f'"redelivered":{"true" if metadata.is_redelivered else "false"},'
            f'"received_at":"{self._received_text}","event":{event}{raw}}}'
        )
        return Delivery(
            event_id=identity,
            event_type=self._event_type,
            ack_info=metadata.ack_info.value,
            event_time=event_time,
            subscription_id=subscription_id or "",
            redelivered=metadata.is_redelivered,
            received_at=received_at,
            line=line,
            pointer=pointer_reason(line),
            original=self._original(identity, message) if has_original else "",
        )

    def _original(self, identity: str, message: bytes) -> str:
        return original_message(
            identity,
            message,
            event_type=self._event_type,
            reason=_HAS_UNKNOWN_FIELDS,
            received_at=self._received_text,
        )


def _json(text: str | None) -> str:
    return "null" if text is None else json_string(text)


def _without_handle(response: Any) -> bytes:
    """Serialise a response without its ack handle, which may hold personal data."""
    copy = type(response)()
    copy.CopyFrom(response)
    copy.metadata.ClearField("ack_info")
    return bytes(copy.SerializeToString())
