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

from eventdrain.errors import ConfigurationError
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

_KEYS: Final = (
    "from",
    "to",
    "streams",
    "event_ids",
    "subscriptions",
    "dry_run",
    "rate",
    "name",
    "after",
)


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
            raise _malformed("event_ids", "give ids of 32 hexadecimal digits, a to f small")
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
            rate=_rate(event),
            is_dry_run=_is_dry_run(event),
            archive_hint="check ARCHIVE_BUCKET, ARCHIVE_PREFIX and the function's role",
            queue_hint="check QUEUE_URL, the function's role, and the key that encrypts it",
        )
        job.check()
        after = event.get("after")
        checkpoint = None if after is None else Checkpoint.of(after, selection=job.digest)
        name = replay_name(_name(event), checkpoint, now)
        return cls(job, name, checkpoint, max(settings.reserve, _LEAST_RESERVE))


def _texts(event: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Give a list of texts; empty only where the key is absent, as an empty one may mean anything.

    Personal data may be among them: what is wrong with them is told without them.
    """
    if event.get(key) is None:
        return ()
    values = event[key]
    if not (
        isinstance(values, list)
        and values
        and all(isinstance(value, str) and value for value in values)
    ):
        raise _malformed(key, "give a list of one or more strings; leave it out for all")
    return tuple(dict.fromkeys(values))


def _moment(event: Mapping[str, Any], key: str, read: Callable[[str], datetime]) -> datetime | None:
    value = event.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _malformed(key, "give a string, such as 2026-03-01")
    try:
        return read(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error.reason}", hint=error.hint, setting=key) from None


def _rate(event: Mapping[str, Any]) -> float:
    rate = event.get("rate", DEFAULT_RATE)
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not 0 <= rate <= MOST_RATE:
        raise _malformed(
            "rate", f"give a number of events per second, up to {MOST_RATE:,}; 0 for no limit"
        )
    return float(rate)


def _is_dry_run(event: Mapping[str, Any]) -> bool:
    is_dry_run = event.get("dry_run", True)
    if not isinstance(is_dry_run, bool):
        raise _malformed("dry_run", "give true or false")
    return is_dry_run


def _name(event: Mapping[str, Any]) -> str | None:
    name = event.get("name")
    if not (name is None or isinstance(name, str)):
        raise _malformed("name", "give a string, or leave it out")
    return name


def _malformed(key: str, hint: str) -> ConfigurationError:
    """Make an error that does not repeat the value."""
    return ConfigurationError(f"{key} has an unusable value", hint=hint, setting=key)
