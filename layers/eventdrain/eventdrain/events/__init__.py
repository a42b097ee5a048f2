"""Events: streams, event ids, lines, archive objects, queue messages, pseudonyms and quarantine.

Everything here is pure code without I/O.
"""

from __future__ import annotations

from eventdrain.events.archive import (
    ArchiveLayout,
    compress,
    group_by_object,
    object_body,
    original_body,
)
from eventdrain.events.archive_key import ArchiveKey
from eventdrain.events.delivery import Delivery, PointerReason
from eventdrain.events.event_id import event_id
from eventdrain.events.json_mapping import json_mapping, json_string
from eventdrain.events.message_pseudonyms import MessagePseudonyms, response_of, unclassified
from eventdrain.events.personal_fields import NOT_PERSONAL, PERSONAL, Kind
from eventdrain.events.pointer import MAX_LINE_BYTES, pointer, pointer_reason
from eventdrain.events.pseudonyms import Pseudonyms
from eventdrain.events.quarantine import quarantined
from eventdrain.events.queue_message import (
    EVENTS,
    MAX_MESSAGE_BYTES,
    REPLAYED,
    Message,
    is_fifo,
    mark_replayed,
    max_events_per_message,
    message,
    messages,
    pack,
)
from eventdrain.events.reader import DeliveryReader
from eventdrain.events.streams import DEFAULT_EVENT_TYPE, STREAMS, EventStream
from eventdrain.events.times import age_seconds, milliseconds, rfc3339

__all__ = [
    "DEFAULT_EVENT_TYPE",
    "EVENTS",
    "MAX_LINE_BYTES",
    "MAX_MESSAGE_BYTES",
    "NOT_PERSONAL",
    "PERSONAL",
    "REPLAYED",
    "STREAMS",
    "ArchiveKey",
    "ArchiveLayout",
    "Delivery",
    "DeliveryReader",
    "EventStream",
    "Kind",
    "Message",
    "MessagePseudonyms",
    "PointerReason",
    "Pseudonyms",
    "age_seconds",
    "compress",
    "event_id",
    "group_by_object",
    "is_fifo",
    "json_mapping",
    "json_string",
    "mark_replayed",
    "max_events_per_message",
    "message",
    "messages",
    "milliseconds",
    "object_body",
    "original_body",
    "pack",
    "pointer",
    "pointer_reason",
    "quarantined",
    "response_of",
    "rfc3339",
    "unclassified",
]
