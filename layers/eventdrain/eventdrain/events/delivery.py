"""A delivery: one arrival of an event."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from eventdrain.events.times import age_seconds

if TYPE_CHECKING:
    from datetime import datetime


class PointerReason(StrEnum):
    """Why a queue message points to the archive. This is the message attribute ``pointer``."""

    QUARANTINE = "quarantine"
    """The server's message cannot be converted to a line."""
    OVERSIZE = "oversize"
    """The line is too large for an SQS message."""


class Delivery(NamedTuple):
    """One delivery of an event.

    Attributes:
        event_id: The event's id, the same for every delivery of the event.
        event_type: The stream's event type.
        ack_info: The handle that acknowledges this delivery; empty if the server sent none.
        event_time: As in the line; None where the line has null.
        subscription_id: As in the line; empty where the line has null.
        redelivered: Whether the server marked the delivery as a redelivery.
        received_at: The arrival time, UTC.
        line: The line, without a newline. For a quarantined event, the original message's record.
        pointer: Why the event has an archive object of its own and a queue message that points to
            it; None if the queue message holds the line.
        original: The original message's record if the line omits fields that cannot be
            pseudonymised, otherwise empty. See ``original_message``.
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
        """The event's UTC day as ``YYYY-MM-DD``; the day of arrival if the event has no time."""
        return (self.event_time or self.received_at.isoformat())[:10]

    @property
    def age_seconds(self) -> float:
        """The event's age on arrival, in seconds; 0 if the event has no time."""
        return 0.0 if self.event_time is None else age_seconds(self.event_time, self.received_at)
