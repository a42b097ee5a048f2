"""Selections: which archived events a replay sends, and which folders may hold them.

The time of an event is its ``event_time``, or ``received_at`` if it has none. Folders are named by
the UTC day of that time, so a time range limits the folders to read.
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
_FORMS: Final = "use a day such as 2026-03-01, or an instant such as 2026-03-01T12:30:00Z"


@dataclass(frozen=True, slots=True)
class Selection:
    """The events to send again. An event must match all criteria.

    Attributes:
        event_types: The streams to read.
        since: The start of the time range, inclusive; None for no bound.
        until: The end of the time range, exclusive; None for no bound.
        event_ids: The event ids; empty for any.
        subscriptions: The subscription ids; empty for any.
    """

    event_types: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    event_ids: frozenset[str] = frozenset()
    subscriptions: frozenset[str] = frozenset()

    def may_include_day(self, day: str) -> bool:
        """Return whether the folder of a day, ``YYYY-MM-DD``, may hold selected events."""
        # Compare as strings: a folder's name may not be a valid date.
        is_early = self.since is not None and day < self.since.date().isoformat()
        is_late = self.until is not None and f"{day}T00:00:00+00:00" >= self.until.isoformat()
        return not (is_early or is_late)

    def includes(self, delivery: Delivery) -> bool:
        """Return whether an event of one of the streams is selected."""
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
        """Return a digest that identifies a replay without revealing its selection.

        Args:
            places: The archive, the queues, and whatever else must not change during the replay.
        """
        content = {
            "event_types": list(self.event_types),
            "since": None if self.since is None else self.since.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "event_ids": sorted(self.event_ids),
            "subscriptions": _slow_digest(self.subscriptions),
            "places": dict(places),
        }
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _slow_digest(subscriptions: Iterable[str]) -> str:
    """Return a slow digest: with a fast one, all possible ids could be tried."""
    if not subscriptions:
        return ""
    content = json.dumps(sorted(subscriptions)).encode()
    return scrypt(content, salt=b"subscriptions of a replay", n=2**14, r=8, p=1).hex()


def since(text: str) -> datetime:
    """Parse the start of a time range: an instant, or a day, which means its start in UTC.

    Raises:
        ConfigurationError: The text is neither.
    """
    return _moment(text)


def until(text: str) -> datetime:
    """Parse the exclusive end of a time range: an instant, or a day, which means its end in UTC.

    Raises:
        ConfigurationError: The text is neither.
    """
    moment = _moment(text)
    if not _DAY.fullmatch(text):
        return moment
    try:
        return moment + timedelta(days=1)
    except OverflowError:
        raise ConfigurationError(
            f"{text!r} is not supported: it is the last possible day", hint="leave out the end"
        ) from None


def _moment(text: str) -> datetime:
    if not (_DAY.fullmatch(text) or _INSTANT.fullmatch(text)):
        raise ConfigurationError(
            f"{text!r} is neither a day nor an instant",
            hint=_FORMS,
        )
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"{text!r} is not a valid date ({error})",
            hint=_FORMS,
        ) from None
