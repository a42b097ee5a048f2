"""Parsing of archived lines back into deliveries."""

from __future__ import annotations

import gzip
import re
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Final

from eventdrain.errors import MalformedJson, UnreadableLine
from eventdrain.events import Delivery, pointer_reason
from eventdrain.json_shape import json_object, optional, required

if TYPE_CHECKING:
    from collections.abc import Sequence

_EVENT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def read_lines(body: bytes) -> Sequence[str]:
    """Return the lines of an archive object, without newlines.

    Args:
        body: The object's body as stored, gzipped.

    Raises:
        UnreadableLine: The body is empty, truncated, not gzip or not ASCII.
    """
    if not body:  # gzip accepts an empty body, but the drain never writes one
        raise UnreadableLine("the object is empty")
    try:
        text = gzip.decompress(body).decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        raise UnreadableLine("the object is truncated or is not gzipped ASCII text") from None
    return text.removesuffix("\n").split("\n") if text else ()


def read_line(line: str) -> Delivery:
    """Return the delivery of a line. Its ``ack_info`` is empty, because lines do not hold it.

    Raises:
        UnreadableLine: The text is not a line as ``events.reader`` describes it.
    """
    content = json_object(line) or {}
    try:
        event_time = optional(content, "event_time", str, None)
        delivery = Delivery(
            event_id=required(content, "event_id", str),
            event_type=required(content, "event_type", str),
            ack_info="",
            event_time=event_time,
            subscription_id=optional(content, "subscription_id", str, None) or "",
            redelivered=required(content, "redelivered", bool),
            received_at=datetime.fromisoformat(required(content, "received_at", str)),
            line=line,
            pointer=pointer_reason(line),
        )
        is_sound = (
            content.keys() >= {"event_time", "subscription_id"}
            and _EVENT_ID.fullmatch(delivery.event_id) is not None
            and delivery.received_at.tzinfo is not None
            and (event_time is None or datetime.fromisoformat(event_time).tzinfo is not None)
        )
    except (MalformedJson, ValueError):
        is_sound = False
    if not is_sound:
        raise UnreadableLine("not in the format that the drain writes")
    return delivery
