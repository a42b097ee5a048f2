"""Pointers: messages that say where in the archive an event is, as they can't hold it themselves.

Two kinds of events have an object of the archive to themselves and a message that points to it: one
in quarantine, and one whose line is too large for SQS. A pointer is a JSON object on one line,
ASCII only, with its keys in this order: ``event_id``, ``event_type``, ``event_time``,
``subscription_id``, ``redelivered``, ``received_at``, all as in a line (but that an absurdly
long subscription id is null), and ``s3`` with ``bucket`` and ``key``.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from eventdrain.events.delivery import milliseconds

if TYPE_CHECKING:
    from eventdrain.events.delivery import Delivery

LONGEST_LINE: Final = 1024 * 1024 - 512
"""In bytes. SQS takes 1 MiB a message, its attributes included, which take up less than the rest
(SQS developer guide, message quotas)."""
_LONGEST_ID: Final = 1024
"""In letters. An event may be too large for a message by its subscription id alone."""


class Pointing(StrEnum):
    """Why a message points to the archive: the value of its attribute ``pointer``."""

    QUARANTINE = "quarantine"
    OVERSIZE = "oversize"


def is_oversize(delivery: Delivery) -> bool:
    """Tell whether a line is too large for a message."""
    return delivery.quarantine_reason is None and len(delivery.line) > LONGEST_LINE


def pointing(delivery: Delivery) -> Pointing | None:
    """Tell why an event's message points to the archive; None if it holds the line."""
    if delivery.quarantine_reason is not None:
        return Pointing.QUARANTINE
    return Pointing.OVERSIZE if is_oversize(delivery) else None


def needs_pointer(delivery: Delivery) -> bool:
    """Tell whether an event has an object to itself and a message that points to it."""
    return pointing(delivery) is not None


def pointer(delivery: Delivery, *, bucket: str, key: str) -> str:
    """Write the message that points to an event's object."""
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
