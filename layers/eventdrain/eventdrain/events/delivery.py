"""A delivery: one arrival of an event, read from the wire and turned into its line.

A line is what the archive and the queue hold of an event, as JSON on one line, ASCII only (which
SQS always accepts), with its keys in this order:

=================== ================================================================================
``event_id``        see ``event_id``
``event_type``      the stream's event type
``event_time``      RFC 3339, UTC, with all the precision that came; null if unset or out of range
``subscription_id`` ``wg2rn``, else the deprecated ``value``; null if neither is set
``redelivered``     whether the server marked this delivery as sent before
``received_at``     when this delivery arrived, RFC 3339, UTC, milliseconds
``event``           the payload in protobuf's JSON mapping, proto field names, unset fields absent
``raw``             base64 of the delivered message; only where the line can't hold all of it:
                    fields that our descriptors don't know, or a timestamp out of range
=================== ================================================================================

With pseudonyms on, all of it is made of the message after what identifies somebody was replaced,
the event's id too (see ``message_pseudonyms``). Then ``raw`` is the message so changed, and neither
``ack_info`` nor fields that our descriptors don't know are in it: of a message with such fields the
whole, as it came, is kept apart.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from eventdrain.errors import Heartbeat, UnreadableDelivery
from eventdrain.events.event_id import event_id
from eventdrain.events.json_mapping import json_mapping, quoted
from eventdrain.events.message_pseudonyms import MessagePseudonyms
from eventdrain.events.original_message import original_message
from eventdrain.events.unknown_fields import discard_unknown_fields

if TYPE_CHECKING:
    from eventdrain.events.pseudonyms import Pseudonyms
    from eventdrain.events.streams import EventStream
    from wgtwo.events.v1.events_pb2 import Metadata

_FIRST_SECOND: Final = -62135596800
"""0001-01-01T00:00:00Z: the range of ``google.protobuf.Timestamp``, by its documentation."""
_LAST_SECOND: Final = 253402300799
"""9999-12-31T23:59:59Z."""
_NANOS: Final = 1_000_000_000
_WITHHELD: Final = "has fields that are not known"


class Delivery(NamedTuple):
    """One delivery of an event, ready to be written.

    Attributes:
        event_id: The same for every delivery of the event.
        event_type: The stream's event type.
        ack_info: The handle that acknowledges this delivery; empty if the server gave none.
        event_time: As in the line, None where the line has null.
        subscription_id: As in the line, empty where the line has null.
        redelivered: Whether the server marked it as sent before.
        received_at: When it arrived.
        line: Its line, or for one in quarantine its record; without the newline.
        quarantine_reason: Why it can't become a line; None if it has.
        withheld: The record of the whole message, where the line had to leave something out that
            can't be pseudonymised; else empty. See ``original_message``.
    """

    event_id: str
    event_type: str
    ack_info: str
    event_time: str | None
    subscription_id: str
    redelivered: bool
    received_at: datetime
    line: str
    quarantine_reason: str | None = None
    withheld: str = ""

    @property
    def day(self) -> str:
        """The UTC day of the event as ``YYYY-MM-DD``; that of its arrival if it has no time."""
        return (self.event_time or self.received_at.isoformat())[:10]

    @property
    def age_seconds(self) -> float:
        """How old the event was when it arrived; 0 if it has no time."""
        return 0.0 if self.event_time is None else age_seconds(self.event_time, self.received_at)


class DeliveryReader:
    """Reads the deliveries of one stream.

    Args:
        stream: The stream that the messages come from.
        pseudonyms: What identifies somebody is replaced by these; None to leave it as it came.

    Attributes:
        pseudonyms: The same.

    Raises:
        ValueError: With pseudonyms, for a stream whose messages they don't fit.
    """

    def __init__(self, stream: EventStream, pseudonyms: Pseudonyms | None = None) -> None:
        self._event_type = stream.event_type
        self._parse = stream.stream_response.FromString
        self._payload_name = stream.payload_field.name
        message_type = stream.payload_field.message_type
        if message_type is None:
            raise TypeError(f"{stream.payload_field.full_name} is not a message")
        self._payload_json = json_mapping(message_type)
        self.pseudonyms = pseudonyms
        self._in_messages = None if pseudonyms is None else MessagePseudonyms(stream, pseudonyms)
        self._received_at: datetime | None = None
        self._received_text = ""

    def read(self, message: bytes, received_at: datetime) -> Delivery:
        """Read one delivered message.

        Args:
            message: A stream response as it came over the wire.
            received_at: When it came, UTC.

        Raises:
            Heartbeat: It holds neither an event nor a handle.
            UnreadableDelivery: It doesn't parse, or holds no event.
        """
        try:
            response: Any = self._parse(message)
        except DecodeError as error:
            # The error's own text can quote what it could not decode.
            raise UnreadableDelivery("does not parse") from error
        if not response.HasField(self._payload_name):
            # What our descriptors don't know might be an event of another kind.
            if response.metadata.ack_info.value or discard_unknown_fields(response):
                raise UnreadableDelivery("holds no event")
            raise Heartbeat("a message holds neither an event nor a handle")
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
        if received_at is not self._received_at:  # the same for all that arrived at once
            self._received_at, self._received_text = received_at, milliseconds(received_at)
        raw = ""
        is_out_of_range = timestamp is not None and event_time is None
        # The message has given all it had to give by now; pseudonyms have discarded these before.
        if is_out_of_range or (self._in_messages is None and discard_unknown_fields(response)):
            told = message if self._in_messages is None else _without_handle(response)
            raw = f',"raw":"{b64encode(told).decode()}"'
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
            withheld=self._withheld(identity, message) if has_original else "",
        )

    def _withheld(self, identity: str, message: bytes) -> str:
        return original_message(
            identity,
            message,
            event_type=self._event_type,
            reason=_WITHHELD,
            received_at=self._received_text,
        )


def age_seconds(event_time: str, received_at: datetime) -> float:
    """Tell how old an event was when it arrived, from the time that its line has."""
    happened = datetime.fromisoformat(event_time[:19]).replace(tzinfo=UTC)
    return (received_at - happened).total_seconds()


def rfc3339(seconds: int, nanos: int) -> str | None:
    """Write a protobuf timestamp as RFC 3339 in UTC.

    As in protobuf's JSON mapping there are no, three, six or nine digits after the second: as
    many as the value needs.

    Returns:
        None if the timestamp is outside of what ``google.protobuf.Timestamp`` allows.
    """
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < _NANOS):
        return None
    whole = _whole_second(seconds)
    if nanos == 0:
        return f"{whole}Z"
    fraction = f"{nanos:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{whole}.{fraction}Z"


@lru_cache(maxsize=64)  # events come in the order of their times, more or less
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def _json(text: str | None) -> str:
    return "null" if text is None else quoted(text)


def milliseconds(time: datetime) -> str:
    """Write a UTC time as RFC 3339 with three digits after the second."""
    return f"{time.isoformat(timespec='milliseconds')[:-6]}Z"


def _without_handle(response: Any) -> bytes:
    """Write a response without the server's handle, which may hold anything, as it is opaque."""
    told = type(response)()
    told.CopyFrom(response)
    told.metadata.ClearField("ack_info")
    return bytes(told.SerializeToString())
