"""Run ``python -m simulator`` from the project's folder; nothing has to be installed or set."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

_COMMANDS: Final = {
    "run": "simulator.run",
    "up": "simulator.local.up",
    "status": "simulator.local.status",
    "down": "simulator.local.down",
    "supervise": "simulator.local.supervisor",
}
_INTERRUPTED: Final = 130


class _Commands(click.Group):
    """Imports the module of a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """See ``click.Group``."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """See ``click.Group``."""
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = import_module(_COMMANDS[cmd_name]).main
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """See ``click.Group``."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            sys.exit(_INTERRUPTED)


@click.group("simulator", cls=_Commands, context_settings={"max_content_width": 100})
def simulator() -> None:
    """Run the whole product on this machine, with made-up events."""


if __name__ == "__main__":
    layers = Path(__file__).parents[1] / "layers"
    sys.path[:0] = [str(layers / name) for name in ("wgtwo", "eventdrain")]
    # The Makefile sets this, so that usage lines and errors show what was typed.
    simulator(prog_name=os.environ.get("SIMULATOR_NAME", "python -m simulator"))
