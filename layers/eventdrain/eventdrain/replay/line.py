"""Parsing of archived lines back into deliveries."""

from __future__ import annotations

import gzip
import re
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from eventdrain.errors import UnreadableLine
from eventdrain.events import Delivery, pointer_reason
from eventdrain.json_shape import Moment, Text, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENT_ID: Final = re.compile(r"\A[0-9a-f]{32}\Z")
EventId: TypeAlias = Annotated[str, Meta(pattern=EVENT_ID.pattern)]


class _Line(Struct):
    event_id: EventId
    event_type: Text
    event_time: Text | None
    subscription_id: Text | None
    redelivered: bool
    received_at: Moment


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
    read = parse_json(line, _Line)
    if read is None or not _is_moment(read.event_time):
        raise UnreadableLine("not in the format that the drain writes")
    return Delivery(
        event_id=read.event_id,
        event_type=read.event_type,
        ack_info="",
        event_time=read.event_time,
        subscription_id=read.subscription_id or "",
        redelivered=read.redelivered,
        received_at=read.received_at,
        line=line,
        pointer=pointer_reason(line),
    )


def _is_moment(event_time: str | None) -> bool:
    try:
        return event_time is None or datetime.fromisoformat(event_time).tzinfo is not None
    except ValueError:
        return False
