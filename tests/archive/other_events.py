"""Made-up events of the streams that are not handset changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.archive.facts import ConsentChange, CountryChange, FirstAttachment, PeriodicCountry

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from tests.archive.subscribers import Subscriber

_COUNTRIES: Final = (
    ("NO", "Norway"),
    ("SE", "Sweden"),
    ("DE", "Germany"),
    ("JP", "Japan"),
    ("CI", "Côte d'Ivoire"),
)
"""One of them is not plain ASCII, as some real ones are not."""
_SCOPES: Final = ("made.up:read", "made.up:write", "voicemail:made-up")
_TENANT: Final = "made-up-tenant"
_OF_A_TENANT: Final = 0.15
_FIRST_KNOWN: Final = 0.05


class CountryChanges:
    """Makes up country changes; one starts where the last one of its subscription ended.

    Args:
        subscribers: Whom they may be of.
        chance: Decides.
    """

    def __init__(self, subscribers: Sequence[Subscriber], chance: random.Random) -> None:
        self._subscribers = subscribers
        self._chance = chance
        self._countries: dict[Subscriber, tuple[str, str]] = {}

    def day(self, count: int) -> Iterator[tuple[Subscriber, CountryChange]]:
        """Make up the changes of a day, in their order."""
        for _ in range(count):
            subscriber = self._chance.choice(self._subscribers)
            before = self._countries.get(subscriber, _COUNTRIES[0])
            current = self._chance.choice([each for each in _COUNTRIES if each != before])
            self._countries[subscriber] = current
            previous: tuple[str | None, str | None] = before
            if self._chance.random() < _FIRST_KNOWN:
                previous = (None, None)
            yield subscriber, CountryChange(*previous, *current, subscriber.number)


class FirstAttachments:
    """Makes up first attachments, of one subscription after the other."""

    def __init__(self, subscribers: Sequence[Subscriber], _chance: random.Random) -> None:
        self._subscribers = subscribers
        self._next = 0

    def day(self, count: int) -> Iterator[tuple[Subscriber, FirstAttachment]]:
        """Make up the attachments of a day, in their order."""
        for _ in range(count):
            subscriber = self._subscribers[self._next % len(self._subscribers)]
            self._next += 1
            yield subscriber, FirstAttachment(subscriber.number, subscriber.imsi)


class PeriodicCountries:
    """Makes up reports of where a subscription is."""

    def __init__(self, subscribers: Sequence[Subscriber], chance: random.Random) -> None:
        self._subscribers = subscribers
        self._chance = chance

    def day(self, count: int) -> Iterator[tuple[Subscriber, PeriodicCountry]]:
        """Make up the reports of a day, in their order."""
        for _ in range(count):
            subscriber = self._chance.choice(self._subscribers)
            country = self._chance.choice(_COUNTRIES)
            yield subscriber, PeriodicCountry(subscriber.number, subscriber.imsi, *country)


class ConsentChanges:
    """Makes up consents of all three kinds, of numbers and of a tenant."""

    def __init__(self, subscribers: Sequence[Subscriber], chance: random.Random) -> None:
        self._subscribers = subscribers
        self._chance = chance

    def day(self, count: int) -> Iterator[tuple[Subscriber, ConsentChange]]:
        """Make up the changes of a day, in their order."""
        for _ in range(count):
            subscriber = self._chance.choice(self._subscribers)
            scopes = tuple(self._chance.sample(_SCOPES, self._chance.randint(1, len(_SCOPES))))
            kind = self._chance.randrange(3)
            is_of_tenant = subscriber.number is None or self._chance.random() < _OF_A_TENANT
            yield (
                subscriber,
                ConsentChange(
                    scopes if kind == 0 else None,
                    scopes if kind == 1 else None,
                    kind == 2,
                    None if is_of_tenant else subscriber.number,
                    _TENANT if is_of_tenant else None,
                ),
            )
