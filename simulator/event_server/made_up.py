"""Made-up events: distinct, repeatable, without data of real people.

Numbers have the unused country code 999, IMSIs the test network 001-01, IMEIs the test type
allocation code 00100100. About every tenth event is odd in a way that the vendor's samples are: a
number without plus sign, a malformed IMSI, only the deprecated identifier, no previous handset.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from simulator.event_server.event import Event
from wgtwo.common.v1.phonenumber_pb2 import E164
from wgtwo.common.v1.types_pb2 import Country, ImeiSv, Imsi, SubscriptionIdentifier
from wgtwo.consents.v1.consent_events_pb2 import (
    ConsentAdded,
    ConsentChangeEvent,
    ConsentRevoked,
    ConsentUpdated,
    StreamConsentChangeEventsResponse,
)
from wgtwo.events.v1.events_pb2 import Identifier, Metadata
from wgtwo.subscription.v1.subscription_events_pb2 import (
    CountryChangeEvent,
    FirstAttachmentEvent,
    Handset,
    HandsetChangeEvent,
    PeriodicCountryEvent,
    StreamCountryChangeEventsResponse,
    StreamFirstAttachmentEventsResponse,
    StreamHandsetChangeEventsResponse,
    StreamPeriodicCountryEventsResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


_Value = TypeVar("_Value", Handset, Country)
_TEST_TYPE_ALLOCATION_CODE: Final = "00100100"
_TEST_NETWORK: Final = "00101"
_UNASSIGNED_COUNTRY_CODE: Final = "999"
_SEEDS: Final = 10_000
_ODDNESS: Final = 0.1
_COUNTRIES: Final = (("NO", "Norway"), ("SE", "Sweden"), ("DE", "Germany"), ("JP", "Japan"))
_SCOPES: Final = ("made.up:read", "made.up:write", "voicemail:made-up")


def made_up_events(
    event_type: str,
    count: int,
    seed: int = 0,
    *,
    start: datetime | None = None,
    interval: timedelta = timedelta(milliseconds=1),
) -> Iterator[Event]:
    """Make up events, all different, also from those of other seeds below 10,000.

    Args:
        event_type: The name of a stream.
        count: How many; below a million.
        seed: Equal seeds make equal events, except for timestamps, which depend on ``start``.
        start: The first event's timestamp; the time of the call if not given.
        interval: The time between two timestamps.

    Raises:
        KeyError: There is no such stream.
    """
    respond = _RESPONSES[event_type]
    start = start or datetime.now(UTC)
    chance = random.Random(f"{event_type} {seed}")  # noqa: S311 - test data, not secrets
    for index in range(count):
        someone = _Someone(chance, seed % _SEEDS * 1_000_000 + index)
        response = respond(someone)
        timestamp = Timestamp()
        timestamp.FromDatetime(start + index * interval)
        response.metadata.CopyFrom(Metadata(timestamp=timestamp, identifier=someone.identifier()))
        yield Event.of(event_type, response)


class _Someone:
    """A made-up subscription, whose values are drawn when they are used."""

    def __init__(self, chance: random.Random, serial: int) -> None:
        self._chance = chance
        self._serial = serial

    def is_odd(self) -> bool:
        return self._chance.random() < _ODDNESS

    def identifier(self) -> Identifier:
        name = f"{self._serial:010d}"
        subscription = (
            SubscriptionIdentifier(value=f"ce78{name}")
            if self.is_odd()
            else SubscriptionIdentifier(wg2rn=f"madeup:eu:{name}")
        )
        return Identifier(subscription_identifier=subscription)

    def number(self) -> E164:
        plus = "" if self.is_odd() else "+"
        return E164(e164=f"{plus}{_UNASSIGNED_COUNTRY_CODE}{self._serial:010d}")

    def imsi(self) -> Imsi:
        return Imsi(value="33" if self.is_odd() else f"{_TEST_NETWORK}{self._serial:010d}")

    def handset(self) -> Handset:
        version = f"{self._chance.randrange(100):02d}"
        body = f"{_TEST_TYPE_ALLOCATION_CODE}{self._chance.randrange(1_000_000):06d}"
        return Handset(imei_sv=ImeiSv(imei=body + luhn_digit(body), software_version=version))

    def country(self) -> Country:
        code, name = self._chance.choice(_COUNTRIES)
        return Country(code=code, name=name)

    def scopes(self) -> list[str]:
        return self._chance.sample(_SCOPES, self._chance.randint(1, len(_SCOPES)))

    def draw(self, below: int) -> int:
        return self._chance.randrange(below)


def luhn_digit(digits: str) -> str:
    """Return the check digit of an IMEI's first 14 digits."""
    doubled = (
        int(digit) * (2 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(digits))
    )
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _another(previous: _Value | None, draw: Callable[[], _Value]) -> _Value:
    """Draw until the value differs from the previous one: an event is of a change."""
    while (current := draw()) == previous:
        continue
    return current


def _handset_change(someone: _Someone) -> StreamHandsetChangeEventsResponse:
    previous = None if someone.is_odd() else someone.handset()
    return StreamHandsetChangeEventsResponse(
        handset_change_event=HandsetChangeEvent(
            previous=previous,
            current=_another(previous, someone.handset),
            imsi=someone.imsi(),
            number=someone.number(),
        )
    )


def _country_change(someone: _Someone) -> StreamCountryChangeEventsResponse:
    previous = None if someone.is_odd() else someone.country()
    return StreamCountryChangeEventsResponse(
        country_change_event=CountryChangeEvent(
            previous=previous,
            current=_another(previous, someone.country),
            number=someone.number(),
        )
    )


def _first_attachment(someone: _Someone) -> StreamFirstAttachmentEventsResponse:
    return StreamFirstAttachmentEventsResponse(
        first_attachment_event=FirstAttachmentEvent(number=someone.number(), imsi=someone.imsi())
    )


def _periodic_country(someone: _Someone) -> StreamPeriodicCountryEventsResponse:
    return StreamPeriodicCountryEventsResponse(
        periodic_country_event=PeriodicCountryEvent(
            number=someone.number(), imsi=someone.imsi(), country=someone.country()
        )
    )


def _consent_change(someone: _Someone) -> StreamConsentChangeEventsResponse:
    event = ConsentChangeEvent(number=someone.number())
    if someone.is_odd():
        event.tenant = "made-up-tenant"
    kind = someone.draw(3)
    if kind == 0:
        event.added.CopyFrom(ConsentAdded(scopes=someone.scopes()))
    elif kind == 1:
        event.updated.CopyFrom(ConsentUpdated(scopes=someone.scopes()))
    else:
        event.revoked.CopyFrom(ConsentRevoked())
    return StreamConsentChangeEventsResponse(consent_change_event=event)


_RESPONSES: Final[Mapping[str, Callable[[_Someone], Any]]] = {
    "handset_change": _handset_change,
    "country_change": _country_change,
    "first_attachment": _first_attachment,
    "periodic_country": _periodic_country,
    "consent_change": _consent_change,
}
