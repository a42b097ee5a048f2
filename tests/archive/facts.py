"""The plain facts of an archive's lines: objects and expected answers are both made of them.

The fields of a payload are the columns that the view of its stream has for it, in their order;
None is what is unset. Times are whole numbers since 1970, UTC.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from tests.archive.times import day_of

_NANOS_PER_MILLISECOND = 1_000_000


class HandsetChange(NamedTuple):
    """A SIM card is in another handset, or the handset has other software."""

    previous_imei: str | None
    previous_software_version: str | None
    current_imei: str
    current_software_version: str
    imsi: str
    number: str | None


class CountryChange(NamedTuple):
    """A subscription is in another country."""

    previous_code: str | None
    previous_name: str | None
    current_code: str
    current_name: str
    number: str | None


class FirstAttachment(NamedTuple):
    """A SIM card was on the network for the first time."""

    number: str | None
    imsi: str


class PeriodicCountry(NamedTuple):
    """In which country a subscription is."""

    number: str | None
    imsi: str
    country_code: str
    country_name: str


class ConsentChange(NamedTuple):
    """A consent was added, updated or revoked (one of these), for a number or a tenant."""

    added_scopes: tuple[str, ...] | None
    updated_scopes: tuple[str, ...] | None
    revoked: bool
    number: str | None
    tenant: str | None


Payload: TypeAlias = (
    HandsetChange | CountryChange | FirstAttachment | PeriodicCountry | ConsentChange
)


class MadeUpEvent(NamedTuple):
    """One event.

    Attributes:
        event_type: Its stream.
        event_id: What the engine calls it.
        time: When it happened, in nanoseconds; None if it doesn't say.
        subscription_id: None if it doesn't say.
        payload: What happened.
    """

    event_type: str
    event_id: str
    time: int | None
    subscription_id: str | None
    payload: Payload


class MadeUpLine(NamedTuple):
    """One line of the archive: one delivery of an event.

    Attributes:
        event: The event.
        received_at: When it was delivered, in milliseconds.
        redelivered: Whether the server marked this delivery as sent before.
    """

    event: MadeUpEvent
    received_at: int
    redelivered: bool

    @property
    def dt(self) -> str:
        """The day that it lies in: the event's, or that of its arrival if the event has no time."""
        time = self.event.time
        return day_of(self.received_at if time is None else time // _NANOS_PER_MILLISECOND)
