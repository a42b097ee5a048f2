"""What an event is: its stream, id and line, its place in the archive, and its message.

Pure code without I/O. Also what replaces personal data (pseudonyms), and what keeps a message that
cannot become a line (quarantine).
"""

from __future__ import annotations

from eventdrain.events.archive import (
    ArchiveLayout,
    by_object,
    compressed,
    object_body,
    original_body,
)
from eventdrain.events.archive_key import ArchiveKey
from eventdrain.events.delivery import Delivery, PointerReason
from eventdrain.events.event_id import event_id
from eventdrain.events.json_mapping import json_mapping, quoted
from eventdrain.events.message_pseudonyms import MessagePseudonyms, response_of, unclassified
from eventdrain.events.personal_fields import NOT_PERSONAL, PERSONAL, Kind
from eventdrain.events.pointer import LONGEST_LINE, pointer, pointer_reason
from eventdrain.events.pseudonyms import Pseudonyms
from eventdrain.events.quarantine import quarantined
from eventdrain.events.queue_message import (
    EVENTS,
    MOST_BYTES,
    Message,
    marked,
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
    "LONGEST_LINE",
    "MOST_BYTES",
    "NOT_PERSONAL",
    "PERSONAL",
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
    "by_object",
    "compressed",
    "event_id",
    "json_mapping",
    "marked",
    "message",
    "messages",
    "milliseconds",
    "object_body",
    "original_body",
    "pack",
    "pointer",
    "pointer_reason",
    "quarantined",
    "quoted",
    "response_of",
    "rfc3339",
    "unclassified",
]
