"""What the function that replays is asked for: an event such as this, each key of it optional.

::

    {"from": "2026-03-01", "to": "2026-03-07", "streams": ["handset_change"],
     "event_ids": ["..."], "subscriptions": ["..."],
     "dry_run": false, "rate": 500, "name": "outage-of-march", "after": {...}}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from eventdrain.errors import ConfigurationError, MalformedJson
from eventdrain.json_shape import optional
from eventdrain.replay.checkpoint import Checkpoint
from eventdrain.replay.job import ReplayJob, replay_name
from eventdrain.replay.selection import Selection, since, until
from eventdrain.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

DEFAULT_RATE: Final = 500
"""Events per second, if nobody says otherwise."""
MOST_RATE: Final = 1_000_000
"""Events per second: far beyond what a replay can do."""
EVENT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z_]{0,29}", re.ASCII)
_LEAST_RESERVE: Final = timedelta(seconds=15)
"""The longest call, a listing of S3, may take eleven seconds: what outlasts the function's time
would take with it where to go on."""

_DAY: Final = "give a string, such as 2026-03-01"
_LIST: Final = "give a list of one or more strings; leave it out for all"
_KEYS: Final = {
    "from": _DAY,
    "to": _DAY,
    "streams": _LIST,
    "event_ids": f"{_LIST}. Give ids of 32 hexadecimal digits, a to f small",
    "subscriptions": _LIST,
    "dry_run": "give true or false",
    "rate": f"give a number of events per second, up to {MOST_RATE:,}; 0 for no limit",
    "name": "give a string, or leave it out",
    "after": "give the checkpoint of an earlier run",
}
"""The keys of a request, and what to do if the value of one can't be used."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What one run is asked for.

    Attributes:
        job: What to do.
        name: The replay's name.
        after: Where an earlier run ended; None to begin at the beginning.
        reserve: How much of the function's time is kept for what is under way at its end.
    """

    job: ReplayJob
    name: str
    after: Checkpoint | None
    reserve: timedelta

    @classmethod
    def of(
        cls, event: Mapping[str, Any], environment: Mapping[str, str], *, now: datetime
    ) -> ReplayRequest:
        """Read the event that the function is invoked with.

        Args:
            event: See this module.
            environment: The function's variables; those of ``Settings``.
            now: The time, UTC.

        Raises:
            ConfigurationError: Names the key or the variable, and what it may be.
        """
        if not isinstance(event, dict):
            raise ConfigurationError(
                "the request is not a JSON object",
                hint=f"invoke with {{}}, or with any of the keys {', '.join(_KEYS)}",
            )
        if unknown := [key for key in event if key not in _KEYS]:
            # A key that isn't a name may be anything, a subscription's id among others.
            names = [key for key in sorted(unknown) if _NAME.fullmatch(key)] or ["not shown"]
            raise ConfigurationError(
                f"the request has unknown keys ({', '.join(names)})",
                hint=f"use only {', '.join(_KEYS)}",
            )
        try:
            return cls._of(event, environment, now)
        except MalformedJson as error:
            raise _malformed(error.setting) from None

    @classmethod
    def _of(
        cls, event: Mapping[str, Any], environment: Mapping[str, str], now: datetime
    ) -> ReplayRequest:
        first = environment.get("EVENT_TYPES", "").partition(",")[0].strip() or None
        settings = Settings.from_env(environment, event_type=first)
        event_types = _texts(event, "streams") or settings.event_types
        if others := [name for name in event_types if name not in settings.event_types]:
            raise ConfigurationError(
                f"streams names {', '.join(map(repr, others))}",
                hint=f"name those that the stack drains, {', '.join(settings.event_types)}",
                setting="streams",
            )
        event_ids = frozenset(_texts(event, "event_ids"))
        if not all(map(EVENT_ID.fullmatch, event_ids)):
            raise _malformed("event_ids")
        rate = optional(event, "rate", float, DEFAULT_RATE)
        if not 0 <= rate <= MOST_RATE:
            raise _malformed("rate")
        job = ReplayJob(
            selection=Selection(
                event_types=event_types,
                since=_moment(event, "from", since),
                until=_moment(event, "to", until),
                event_ids=event_ids,
                subscriptions=frozenset(_texts(event, "subscriptions")),
            ),
            bucket=settings.archive_bucket,
            prefix=settings.archive_prefix,
            queue_urls={
                name: Settings.from_env(environment, event_type=name).queue_url
                for name in event_types
            },
            events_per_message=settings.events_per_message,
            rate=float(rate),
            is_dry_run=optional(event, "dry_run", bool, True),  # noqa: FBT003 - the default
            archive_hint="check ARCHIVE_BUCKET, ARCHIVE_PREFIX and the function's role",
            queue_hint="check QUEUE_URL, the function's role, and the key that encrypts it",
        )
        job.check()
        after = event.get("after")
        checkpoint = None if after is None else Checkpoint.of(after, selection=job.digest)
        name = replay_name(optional(event, "name", str, None), checkpoint, now)
        return cls(job, name, checkpoint, max(settings.reserve, _LEAST_RESERVE))


def _moment(event: Mapping[str, Any], key: str, read: Callable[[str], datetime]) -> datetime | None:
    value = optional(event, key, str, None)
    try:
        return None if value is None else read(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error.reason}", hint=error.hint, setting=key) from None


def _texts(event: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of strings; empty only if the key is absent: an empty list is ambiguous."""
    values = optional(event, key, list[str], None)
    if values == []:
        raise _malformed(key)
    return tuple(dict.fromkeys(values or ()))


def _malformed(key: str) -> ConfigurationError:
    """Return an error that does not repeat the value."""
    return ConfigurationError(f"{key} has an unusable value", hint=_KEYS[key], setting=key)
