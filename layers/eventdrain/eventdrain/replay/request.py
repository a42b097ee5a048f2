"""Requests to the replay function. Example of an invocation event; all keys are optional.

::

    {"from": "2026-03-01", "to": "2026-03-07", "streams": ["handset_change"],
     "event_ids": ["..."], "subscriptions": ["..."],
     "dry_run": false, "rate": 500, "name": "outage-of-march", "after": {...}}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct, ValidationError, convert

from eventdrain.errors import ConfigurationError
from eventdrain.json_shape import Text, key_of
from eventdrain.replay.checkpoint import Checkpoint
from eventdrain.replay.job import ReplayJob, replay_name
from eventdrain.replay.line import EventId
from eventdrain.replay.selection import Selection, since, until
from eventdrain.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

DEFAULT_RATE: Final = 500
"""The default rate, in events per second."""
MAX_RATE: Final = 1_000_000
"""The maximum rate, in events per second: far more than a replay can reach."""
_NAME: Final = re.compile(r"[a-z][a-z_]{0,29}", re.ASCII)
_MIN_RESERVE: Final = timedelta(seconds=15)
"""The longest call, a listing of S3, may take eleven seconds. If the function timed out during a
call, the checkpoint would be lost."""

_DAY: Final = "use a string such as 2026-03-01"
_LIST: Final = "use a list of one or more strings, or leave the key out for all"
_KEYS: Final = {
    "from": _DAY,
    "to": _DAY,
    "streams": _LIST,
    "event_ids": f"{_LIST}; an id has 32 hexadecimal digits in lower case",
    "subscriptions": _LIST,
    "dry_run": "use true or false",
    "rate": f"use a number of events per second up to {MAX_RATE:,}, or 0 for no limit",
    "name": "use a string, or leave the key out",
    "after": "use the checkpoint that an earlier run returned as next",
}
"""The keys of a request, each with the hint for an invalid value."""
_Texts: TypeAlias = Annotated[tuple[Text, ...], Meta(min_length=1)]


class _Request(Struct, rename={"since": "from", "until": "to"}):
    since: Text | None = None
    until: Text | None = None
    streams: _Texts | None = None
    event_ids: Annotated[tuple[EventId, ...], Meta(min_length=1)] | None = None
    subscriptions: _Texts | None = None
    dry_run: bool = True
    rate: Annotated[float, Meta(ge=0, le=MAX_RATE)] = DEFAULT_RATE
    name: Text | None = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A parsed and validated request for one run.

    Attributes:
        job: The replay job.
        name: The replay's name.
        after: The checkpoint to continue from; None to start at the beginning.
        reserve: The part of the function's time that is kept for completing calls in progress.
    """

    job: ReplayJob
    name: str
    after: Checkpoint | None
    reserve: timedelta

    @classmethod
    def from_event(
        cls, event: Mapping[str, Any], environment: Mapping[str, str], *, now: datetime
    ) -> ReplayRequest:
        """Parse and validate the function's invocation event.

        Args:
            event: The invocation event; see the module's docstring.
            environment: The environment variables; see ``Settings``.
            now: The current time, UTC.

        Raises:
            ConfigurationError: A key or a variable is invalid. The error names it and the allowed
                values.
        """
        if not isinstance(event, dict):
            raise ConfigurationError(
                "the request is not a JSON object",
                hint=f"invoke the function with {{}}, or with any of the keys {', '.join(_KEYS)}",
            )
        if unknown := [key for key in event if key not in _KEYS]:
            # Show only keys that look like names: others could be personal data.
            names = [key for key in sorted(unknown) if _NAME.fullmatch(key)] or ["not shown"]
            raise ConfigurationError(
                f"the request has unknown keys ({', '.join(names)})",
                hint=f"use only {', '.join(_KEYS)}",
            )
        try:
            asked = convert(event, _Request)
        except ValidationError as error:  # its text lacks the hint for the key
            key = key_of(error)
            raise ConfigurationError(
                f"the value of {key} in the request is invalid", hint=_KEYS[key], setting=key
            ) from None
        first = environment.get("EVENT_TYPES", "").partition(",")[0].strip() or None
        settings = Settings.from_env(environment, event_type=first)
        event_types = tuple(dict.fromkeys(asked.streams or settings.event_types))
        if others := [name for name in event_types if name not in settings.event_types]:
            raise ConfigurationError(
                f"streams is invalid: the stack does not drain {', '.join(map(repr, others))}",
                hint=f"use only {', '.join(settings.event_types)}",
                setting="streams",
            )
        job = ReplayJob(
            selection=Selection(
                event_types=event_types,
                since=_moment(asked.since, "from", since),
                until=_moment(asked.until, "to", until),
                event_ids=frozenset(asked.event_ids or ()),
                subscriptions=frozenset(asked.subscriptions or ()),
            ),
            bucket=settings.archive_bucket,
            prefix=settings.archive_prefix,
            queue_urls={
                name: Settings.from_env(environment, event_type=name).queue_url
                for name in event_types
            },
            events_per_message=settings.events_per_message,
            rate=float(asked.rate),
            is_dry_run=asked.dry_run,
            archive_hint="check ARCHIVE_BUCKET, ARCHIVE_PREFIX and the function's role",
            queue_hint="check QUEUE_URL, the function's role, and the queue's encryption key",
        )
        job.check()
        after = asked.after
        checkpoint = None if after is None else Checkpoint.from_json(after, selection=job.digest)
        name = replay_name(asked.name, checkpoint, now)
        return cls(job, name, checkpoint, max(settings.reserve, _MIN_RESERVE))


def _moment(value: str | None, key: str, read: Callable[[str], datetime]) -> datetime | None:
    try:
        return None if value is None else read(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error.reason}", hint=error.hint, setting=key) from None
