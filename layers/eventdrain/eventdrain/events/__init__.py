"""What an event is: its stream, id and line, its place in the archive, and its message.

Pure code without I/O. Also what replaces personal data (pseudonyms), and what keeps a message that
cannot become a line (quarantine).
"""

from __future__ import annotations

from eventdrain.events.archive import (
    ArchiveLayout,
    by_object,
    compressed,
    key_of_part,
    object_body,
    original_body,
)
from eventdrain.events.delivery import Delivery, DeliveryReader, age_seconds, milliseconds, rfc3339
from eventdrain.events.event_id import event_id
from eventdrain.events.json_mapping import json_mapping, quoted
from eventdrain.events.message_pseudonyms import MessagePseudonyms, response_of, unclassified
from eventdrain.events.personal_fields import NOT_PERSONAL, PERSONAL, Kind
from eventdrain.events.pointer import (
    LONGEST_LINE,
    Pointing,
    is_oversize,
    needs_pointer,
    pointer,
    pointing,
)
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
from eventdrain.events.streams import DEFAULT_EVENT_TYPE, STREAMS, EventStream

__all__ = [
    "DEFAULT_EVENT_TYPE",
    "EVENTS",
    "LONGEST_LINE",
    "MOST_BYTES",
    "NOT_PERSONAL",
    "PERSONAL",
    "STREAMS",
    "ArchiveLayout",
    "Delivery",
    "DeliveryReader",
    "EventStream",
    "Kind",
    "Message",
    "MessagePseudonyms",
    "Pointing",
    "Pseudonyms",
    "age_seconds",
    "by_object",
    "compressed",
    "event_id",
    "is_oversize",
    "json_mapping",
    "key_of_part",
    "marked",
    "message",
    "messages",
    "milliseconds",
    "needs_pointer",
    "object_body",
    "original_body",
    "pack",
    "pointer",
    "pointing",
    "quarantined",
    "quoted",
    "response_of",
    "rfc3339",
    "unclassified",
]
