"""Commands that can be started through make: usage lines and errors show what the user typed."""

from __future__ import annotations

import math
from typing import Any, Final

import click

from drainctl.interrupt import Interruptible

_MAKE: Final = "make"


class MakeCommand(Interruptible):
    """A command with a Makefile target of the same name, which passes ``ARGS`` to the command.

    If the command was started through make, its usage line is ``make NAME ARGS="..."``, and usage
    errors suggest ``make NAME ARGS=--help``, because ``make NAME --help`` prints make's own help. A
    command of a group was started through make if the group's name is ``make``; a command without
    a group always is.

    Numbers must be finite: ``nan`` and ``inf`` are usage errors.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """See ``click.Command``."""
        return super().main(*args, **{**extra, "prog_name": f"{_MAKE} {self.name}"})

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """See ``click.Command``."""
        pieces = super().collect_usage_pieces(ctx)
        return [f'ARGS="{" ".join(pieces)}"'] if _is_by_make(ctx.command_path) else pieces

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """See ``click.Command``."""
        path = info_name if parent is None else parent.command_path
        try:
            context = super().make_context(info_name, args, parent, **extra)
            for name, value in context.params.items():
                if isinstance(value, float) and not math.isfinite(value):
                    option = f"--{name.replace('_', '-')}"
                    raise click.BadParameter("must be a finite number", context, param_hint=option)
        except click.UsageError as error:
            raise self._with_hint(error, path or "") from None
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """See ``click.Command``."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise self._with_hint(error, ctx.command_path) from None

    def _with_hint(self, error: click.UsageError, command_path: str) -> click.UsageError:
        """Return the error with the command that shows the options, instead of click's own hint."""
        if not _is_by_make(command_path):
            return error
        hint = f"To see the options, run: {_MAKE} {self.name} ARGS=--help"
        return click.UsageError(f"{error.format_message()}\n{hint}")


def _is_by_make(command_path: str) -> bool:
    return command_path.partition(" ")[0] == _MAKE
