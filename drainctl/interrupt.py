"""How Ctrl-C ends a command."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

INTERRUPTED: Final = 130
"""The exit status that shells use for a command that was ended by Ctrl-C."""


class Interruptible(click.Command):
    """A command that ends with ``INTERRUPTED`` if it does not handle Ctrl-C itself."""

    def invoke(self, ctx: click.Context) -> Any:
        """See ``click.Command``."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            sys.exit(INTERRUPTED)
