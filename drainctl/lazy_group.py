"""A click group whose commands are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from drainctl.interrupt import Interruptible

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(Interruptible, click.Group):
    """Imports the module of a command, whose `main` it is, when it is used.

    Args:
        modules: The module of each command, by the command's name.
        arguments: Those of ``click.Group``.
    """

    def __init__(self, *arguments: Any, modules: Mapping[str, str], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """See ``click.Group``."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """See ``click.Group``."""
        if cmd_name not in self._modules:
            return None
        found: click.Command = import_module(self._modules[cmd_name]).main
        return found
