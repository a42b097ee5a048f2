"""Options that name something, and must not be empty."""

from __future__ import annotations

import click


def named(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty name, as of a script's variable that isn't set: it would mean the default."""
    if value is not None and not value.strip("/"):
        raise click.BadParameter("it is empty; leave the option out for its default")
    return value
