"""The record of a message that is kept as it came: a JSON object on one line, ASCII only.

Its keys, in this order: ``event_id``, ``event_type``, ``reason``, ``received_at`` (RFC 3339, UTC,
milliseconds), and ``raw``, the message in base64. Nothing in it is pseudonymised.
"""

from __future__ import annotations

import json
from base64 import b64encode


def original_message(
    event_id: str, message: bytes, *, event_type: str, reason: str, received_at: str
) -> str:
    """Write the record.

    Args:
        event_id: The event's id.
        message: The message as it came.
        event_type: The stream's event type.
        reason: Why it is kept so.
        received_at: When it came, as the record has it.
    """
    record = {
        "event_id": event_id,
        "event_type": event_type,
        "reason": reason,
        "received_at": received_at,
        "raw": b64encode(message).decode(),
    }
    return json.dumps(record, separators=(",", ":"))
