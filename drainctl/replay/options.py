"""Parsers and checks of the command's options."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from drainctl.target import not_empty
from eventdrain.errors import ConfigurationError
from eventdrain.events import STREAMS
from eventdrain.replay import EVENT_ID, MAX_RATE, check_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.replay import ReplayJob

_QUEUE_URL: Final = re.compile(r"https?://[^/\s]+(/[\w-]+)+(\.fifo)?", re.ASCII)


class Moment(click.ParamType[datetime]):
    """The parameter type of a bound of the time range.

    Args:
        read: Parses a bound. Raises ``ConfigurationError``.
    """

    name = "time"

    def __init__(self, read: Callable[[str], datetime]) -> None:
        self._read = read

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """See ``click.ParamType``."""
        try:
            return self._read(value)
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for value in values for name in value.split(",")))
    _reject_empty(names)
    return names


def _reject_empty(values: tuple[str, ...]) -> None:
    """Reject an empty value, as from an unset shell variable, which would select wrong events."""
    if "" in values:
        raise click.BadParameter("it is empty. To fix this, leave the option out for all.")


def checked_rate(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """Reject a rate that is out of range, infinite or NaN, all of which click accepts."""
    if not 0 <= value <= MAX_RATE:
        raise click.BadParameter(
            f"it must be 0 to {MAX_RATE:,} events per second; 0 means no limit"
        )
    return value


def queue_url(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Reject what is not the URL of a queue, such as its name or ARN."""
    if not_empty(context, option, value) is not None and not _QUEUE_URL.fullmatch(value or ""):
        raise click.BadParameter(
            "it must be a queue's URL, such as https://sqs.eu-west-1.amazonaws.com/123456789012/name"
        )
    return value


def event_types(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the streams of all values. A value may hold several, separated by commas."""
    names = _split(values)
    if unknown := [name for name in names if name not in STREAMS]:
        raise click.BadParameter(
            f"there is no stream {', '.join(unknown)}; the streams are {', '.join(STREAMS)}"
        )
    return names


def event_ids(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> frozenset[str]:
    """Return the event ids of all values. A value may hold several, separated by commas."""
    ids = _split(values)
    if any(EVENT_ID.fullmatch(each) is None for each in ids):
        raise click.BadParameter("an event id must have 32 hexadecimal digits, in lower case")
    return frozenset(ids)


def subscriptions(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> frozenset[str]:
    """Return the subscription ids, one per value, because they may contain commas."""
    _reject_empty(values)
    return frozenset(values)


def check_job(job: ReplayJob, name: str | None) -> None:
    """Raise a usage error if the job is invalid, such as for options that exclude each other."""
    try:
        job.check()
        if name is not None:
            check_name(name)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
