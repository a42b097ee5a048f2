"""Records of original messages: a JSON object on one line, ASCII only.

The keys, in this order: ``event_id``, ``event_type``, ``reason``, ``received_at`` (RFC 3339, UTC,
milliseconds) and ``raw``, the message in base64. The message is not pseudonymised.
"""

from __future__ import annotations

import json
from base64 import b64encode


def original_message(
    event_id: str, message: bytes, *, event_type: str, reason: str, received_at: str
) -> str:
    """Return the record of an original message.

    Args:
        event_id: The event's id.
        message: The message as received.
        event_type: The stream's event type.
        reason: Why the original message is kept.
        received_at: The arrival time, formatted for the record.
    """
    record = {
        "event_id": event_id,
        "event_type": event_type,
        "reason": reason,
        "received_at": received_at,
        "raw": b64encode(message).decode(),
    }
    return json.dumps(record, separators=(",", ":"))
