"""The error that ends a command with exit status 1."""

from __future__ import annotations

import click

from eventdrain.errors import with_hint


class CommandError(click.ClickException):
    """A command cannot do its work. It prints the error as one line and exits with status 1.

    Args:
        reason: What failed, and why.
        hint: What to do, as a clause that follows "To fix this,"; may be empty.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        reason = reason.rstrip(".")  # botocore's own texts may end in one
        super().__init__(with_hint(reason, hint))
        self.reason = reason
        self.hint = hint
