"""What the options of the command may be: read, or refused with what they may be."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from eventdrain.errors import ConfigurationError
from eventdrain.events import STREAMS
from eventdrain.replay import EVENT_ID, MOST_RATE, check_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.replay import ReplayJob


class Moment(click.ParamType[datetime]):
    """A bound of the range.

    Args:
        read: Reads it, see ``replay_selection``.
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
    _refuse_empty(names)
    return names


def _refuse_empty(values: tuple[str, ...]) -> None:
    """Refuse an empty text: it is a variable that isn't set, and would select what nobody meant."""
    if "" in values:
        raise click.BadParameter("it is empty; leave the option out for all")


def checked_rate(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """Refuse a rate that is none; click takes infinity and what is no number for one."""
    if not 0 <= value <= MOST_RATE:
        raise click.BadParameter(f"it may be up to {MOST_RATE:,} events per second, 0 for no limit")
    return value


def event_types(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Read the names of streams, with commas between them or not."""
    names = _split(values)
    if unknown := [name for name in names if name not in STREAMS]:
        raise click.BadParameter(
            f"there is no stream {', '.join(unknown)}; there are {', '.join(STREAMS)}"
        )
    return names


def event_ids(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> frozenset[str]:
    """Read ids of events likewise."""
    ids = _split(values)
    if any(EVENT_ID.fullmatch(each) is None for each in ids):
        raise click.BadParameter("an event id has 32 hexadecimal digits, a to f small")
    return frozenset(ids)


def subscriptions(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> frozenset[str]:
    """Read ids of subscriptions, in which a comma may be."""
    _refuse_empty(values)
    return frozenset(values)


def check_job(job: ReplayJob, name: str | None) -> None:
    """Refuse options that can't go together, as click refuses one that can't be."""
    try:
        job.check()
        if name is not None:
            check_name(name)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
