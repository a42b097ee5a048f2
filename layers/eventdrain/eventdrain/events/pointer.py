"""Pointers: message bodies that hold an event's location in the archive instead of its line.

A quarantined event, and an event whose line is too large for SQS, has an archive object of its own
and a pointer to it in the queue. A pointer is a JSON object on one line, ASCII only, with these
keys in this order: ``event_id``, ``event_type``, ``event_time``, ``subscription_id``,
``redelivered``, ``received_at`` (as in a line, but a subscription id of more than 1,024 characters
is null), and ``s3`` with ``bucket`` and ``key``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from eventdrain.events.delivery import PointerReason
from eventdrain.events.times import milliseconds

if TYPE_CHECKING:
    from eventdrain.events.delivery import Delivery

MAX_LINE_BYTES: Final = 1024 * 1024 - 512
"""In bytes. SQS accepts 1 MiB per message, attributes included. The attributes need less than the
remaining 512 bytes (SQS developer guide, message quotas)."""
_MAX_SUBSCRIPTION_ID: Final = 1024
"""In characters. A subscription id alone can make an event too large for a message."""


def pointer_reason(line: str) -> PointerReason | None:
    """Return ``OVERSIZE`` if a line is too large for a message, otherwise None."""
    return PointerReason.OVERSIZE if len(line) > MAX_LINE_BYTES else None


def pointer(delivery: Delivery, *, bucket: str, key: str) -> str:
    """Return the body of a message that points to an event's archive object."""
    subscription_id = delivery.subscription_id
    body = {
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "event_time": delivery.event_time,
        "subscription_id": subscription_id
        if 0 < len(subscription_id) <= _MAX_SUBSCRIPTION_ID
        else None,
        "redelivered": delivery.redelivered,
        "received_at": milliseconds(delivery.received_at),
        "s3": {"bucket": bucket, "key": key},
    }
    return json.dumps(body, separators=(",", ":"))
