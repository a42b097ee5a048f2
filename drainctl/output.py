"""The output of commands: JSON for scripts, tables and progress for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

json_option: Final = click.option(
    "--json", "is_json", is_flag=True, help="Print one JSON document, for scripts."
)


def console(*, is_json: bool) -> Console:
    """Return the console for text: standard output, or standard error if JSON is printed too.

    Emoji codes are off: in an ARN, Rich would replace `:secret:` with an emoji.
    """
    return Console(stderr=is_json, highlight=False, emoji=False)


def print_json(content: Mapping[str, Any]) -> None:
    """Print the JSON document of a command to standard output."""
    click.echo(json.dumps(content, indent=2))


def table(title: str, *columns: str, show_header: bool = True) -> Table:
    """Return a table whose first column is aligned to the left, and all others to the right."""
    made = Table(title=title, title_justify="left", show_header=show_header)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made
