"""A delivery: one arrival of an event, ready to be written."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from eventdrain.events.times import age_seconds

if TYPE_CHECKING:
    from datetime import datetime


class PointerReason(StrEnum):
    """Why a message points to the archive: the value of its attribute ``pointer``."""

    QUARANTINE = "quarantine"
    """The message from the server cannot become a line."""
    OVERSIZE = "oversize"
    """The line is larger than SQS allows."""


class Delivery(NamedTuple):
    """One delivery of an event.

    Attributes:
        event_id: The same for every delivery of the event.
        event_type: The stream's event type.
        ack_info: The handle that acknowledges this delivery; empty if the server sent none.
        event_time: As in the line; None where the line has null.
        subscription_id: As in the line; empty where the line has null.
        redelivered: Whether the server marked it as sent before.
        received_at: When it arrived, UTC.
        line: Its line without the newline; the record of its original message if in quarantine.
        pointer: Why it has an archive object to itself and a message that only points to it; None
            if the message holds the line.
        original: The record of its original message, if the line omits fields that cannot be
            pseudonymised; else empty. See ``original_message``.
    """

    event_id: str
    event_type: str
    ack_info: str
    event_time: str | None
    subscription_id: str
    redelivered: bool
    received_at: datetime
    line: str
    pointer: PointerReason | None = None
    original: str = ""

    @property
    def day(self) -> str:
        """The UTC day of the event as ``YYYY-MM-DD``; the day it arrived if it has no time."""
        return (self.event_time or self.received_at.isoformat())[:10]

    @property
    def age_seconds(self) -> float:
        """The event's age when it arrived; 0 if it has no time."""
        return 0.0 if self.event_time is None else age_seconds(self.event_time, self.received_at)
