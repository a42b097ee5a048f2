"""Lines of the archive, read back: each becomes the delivery that it was written from."""

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


def lines_of(body: bytes) -> Sequence[str]:
    """Give the lines of an object, without their newlines.

    Args:
        body: The object as it is stored: gzip.

    Raises:
        UnreadableLine: It is empty, no gzip, cut short, or no ASCII.
    """
    if not body:  # to gzip, nothing is whole; the drain writes no such object
        raise UnreadableLine("the object is empty")
    try:
        text = gzip.decompress(body).decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        raise UnreadableLine("the object is no gzip of ASCII lines, or not whole") from None
    return text.removesuffix("\n").split("\n") if text else ()


def read_line(line: str) -> Delivery:
    """Give the delivery that a line was written from; without an ack handle, which lines lack.

    Raises:
        UnreadableLine: It is no line as ``delivery`` describes it.
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
        raise UnreadableLine("it is no line as the drain writes them")
    return delivery
