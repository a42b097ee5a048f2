"""The command line: one click group whose commands are imported when they are used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

import click

COMMANDS: Final = (
    *("deploy", "credentials", "doctor", "plan", "verify", "tail", "replay", "erase", "delete"),
)
_INTERRUPTED: Final = 130
"""The exit status that shells use for a command that was ended by Ctrl-C."""


class _Commands(click.Group):
    """Imports ``drainctl.NAME`` for the command NAME."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """See ``click.Group``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """See ``click.Group``."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"drainctl.{cmd_name}").main
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """See ``click.Group``."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            sys.exit(_INTERRUPTED)


@click.group("drainctl", cls=_Commands, context_settings={"max_content_width": 100})
def drainctl() -> None:
    """Deploy a stack and operate it: check, size and watch it; verify, replay and erase events.

    Exit status: 0 done, and nothing is wrong; 1 the command found a problem, failed, or you
    declined; 2 wrong usage; 130 interrupted (tail: 0).

    With --json a command prints one JSON document to standard output (tail: one per line), and
    everything else to standard error. If it fails before it has a result, standard output is empty.

    `make doctor`, `make plan` and so on are short forms. make turns every failure into exit status
    2, so scripts should call `python -m drainctl`.
    """
