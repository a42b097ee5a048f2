"""The option that names streams, for commands that deploy the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS

if TYPE_CHECKING:
    from collections.abc import Sequence


def _event_types(value: str) -> Sequence[str]:
    """Read the names of streams.

    Raises:
        click.BadParameter: There is no such stream.
    """
    if value == "all":
        return tuple(STREAMS)
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    unknown = [name for name in names if name not in STREAMS]
    if unknown:
        raise click.BadParameter(
            f"there is no stream {', '.join(map(repr, unknown))}; there are {', '.join(STREAMS)},"
            " and all"
        )
    return names


streams_option: Final = click.option(
    "--streams",
    "event_types",
    default=DEFAULT_EVENT_TYPE,
    show_default=True,
    callback=lambda _context, _option, value: _event_types(value),
    help=f"Which streams to drain, with commas between them, or all: {', '.join(STREAMS)}.",
)
