"""Commands that people start through make: their usage and errors name what can be typed."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator


class MakeCommand(click.Command):
    """A command that a target of the Makefile starts and hands ``ARGS`` to.

    It is shown under the target's name, which is the command's ``name``. ``make NAME --help`` is
    make's own help, so no error points there.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """See ``click.Command``."""
        return super().main(*args, **{**extra, "prog_name": f"make {self.name}"})

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """See ``click.Command``."""
        return [f'ARGS="{" ".join(super().collect_usage_pieces(ctx))}"']

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """See ``click.Command``."""
        with self._hint():
            context = super().make_context(*args, **extra)
            for name, value in context.params.items():
                if isinstance(value, float) and not math.isfinite(value):
                    option = f"--{name.replace('_', '-')}"
                    raise click.BadParameter("it is no finite number", param_hint=option)
            return context

    def invoke(self, ctx: click.Context) -> Any:
        """See ``click.Command``."""
        with self._hint():
            return super().invoke(ctx)

    @contextmanager
    def _hint(self) -> Iterator[None]:
        try:
            yield
        except click.UsageError as error:
            hint = f"To see the options, run: make {self.name} ARGS=--help"
            raise click.UsageError(f"{error.format_message()}\n{hint}") from None
