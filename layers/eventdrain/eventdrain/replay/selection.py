"""Which archived events a replay sends, and which folders of the archive can hold them.

An event's time is its ``event_time``; one without goes by its ``received_at``. Either lies on the
UTC day that the event's folder is named by, so the folders tell where to look.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import scrypt, sha256
from typing import TYPE_CHECKING, Final

from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eventdrain.events import Delivery

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DAY_FORM: Final = "a day such as 2026-03-01"
_INSTANT_FORM: Final = "an instant such as 2026-03-01T12:30:00Z"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to send again: the events that all of this is true of.

    Attributes:
        event_types: Of one of these streams.
        since: At this time or later; None for no bound.
        until: Before this time; None for no bound.
        event_ids: With one of these ids; empty for any.
        subscriptions: Of one of these subscription ids; empty for any.
    """

    event_types: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    event_ids: frozenset[str] = frozenset()
    subscriptions: frozenset[str] = frozenset()

    def has_day(self, day: str) -> bool:
        """Tell whether the folder of a day, ``YYYY-MM-DD``, can hold any of them."""
        # As texts: a folder may be called by a day that there never was.
        is_early = self.since is not None and day < self.since.date().isoformat()
        is_late = self.until is not None and f"{day}T00:00:00+00:00" >= self.until.isoformat()
        return not (is_early or is_late)

    def has(self, delivery: Delivery) -> bool:
        """Tell whether an event is one of them; the stream is known by where it was found."""
        if self.event_ids and delivery.event_id not in self.event_ids:
            return False
        if self.subscriptions and delivery.subscription_id not in self.subscriptions:
            return False
        if self.since is None and self.until is None:
            return True
        time = (
            delivery.received_at
            if delivery.event_time is None
            else datetime.fromisoformat(delivery.event_time)
        )
        return (self.since is None or time >= self.since) and (
            self.until is None or time < self.until
        )

    def digest(self, places: Mapping[str, str]) -> str:
        """Tell one replay's selection and places from another's, without naming any event.

        Args:
            places: Where it reads and sends, and whatever else must not change on the way.
        """
        told = {
            "event_types": list(self.event_types),
            "since": None if self.since is None else self.since.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "event_ids": sorted(self.event_ids),
            "subscriptions": _obscured(self.subscriptions),
            "places": dict(places),
        }
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _obscured(subscriptions: Iterable[str]) -> str:
    """Give a digest that is slow on purpose, for there are few enough ids to try them all."""
    if not subscriptions:
        return ""
    told = json.dumps(sorted(subscriptions)).encode()
    return scrypt(told, salt=b"subscriptions of a replay", n=2**14, r=8, p=1).hex()


def since(text: str) -> datetime:
    """Read the first moment of a range: an instant, or the start of a day, in UTC.

    Raises:
        ConfigurationError: It is neither.
    """
    return _moment(text)


def until(text: str) -> datetime:
    """Read the end of a range, which is no part of it: an instant, or the end of a day, in UTC.

    Raises:
        ConfigurationError: It is neither.
    """
    moment = _moment(text)
    if not _DAY.fullmatch(text):
        return moment
    try:
        return moment + timedelta(days=1)
    except OverflowError:
        raise ConfigurationError(
            f"{text!r} is the last day that there is", hint="leave it out"
        ) from None


def _moment(text: str) -> datetime:
    if not (_DAY.fullmatch(text) or _INSTANT.fullmatch(text)):
        raise ConfigurationError(
            f"{text!r} is neither a day nor an instant",
            hint=f"give {_DAY_FORM}, or {_INSTANT_FORM}",
        )
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"{text!r} is no date that there is ({error})",
            hint=f"give {_DAY_FORM}, or {_INSTANT_FORM}",
        ) from None
