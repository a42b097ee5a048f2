"""Pointers: messages that hold the place of an event in the archive instead of its line.

Two kinds of events have an archive object to themselves and a message that points to it: an event
in quarantine, and one whose line is too large for SQS. A pointer is a JSON object on one line,
ASCII only, with its keys in this order: ``event_id``, ``event_type``, ``event_time``,
``subscription_id``, ``redelivered``, ``received_at``, all as in a line (but that an absurdly
long subscription id is null), and ``s3`` with ``bucket`` and ``key``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from eventdrain.events.delivery import PointerReason
from eventdrain.events.times import milliseconds

if TYPE_CHECKING:
    from eventdrain.events.delivery import Delivery

LONGEST_LINE: Final = 1024 * 1024 - 512
"""In bytes. SQS takes 1 MiB a message, its attributes included, which take up less than the rest
(SQS developer guide, message quotas)."""
_LONGEST_ID: Final = 1024
"""In letters. An event may be too large for a message by its subscription id alone."""


def pointer_reason(line: str) -> PointerReason | None:
    """Return why an event needs a pointer, by the length of its line; None if it needs none."""
    return PointerReason.OVERSIZE if len(line) > LONGEST_LINE else None


def pointer(delivery: Delivery, *, bucket: str, key: str) -> str:
    """Return the message body that points to an event's object."""
    subscription_id = delivery.subscription_id
    body = {
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "event_time": delivery.event_time,
        "subscription_id": subscription_id if 0 < len(subscription_id) <= _LONGEST_ID else None,
        "redelivered": delivery.redelivered,
        "received_at": milliseconds(delivery.received_at),
        "s3": {"bucket": bucket, "key": key},
    }
    return json.dumps(body, separators=(",", ":"))
