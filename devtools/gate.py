"""Gates: checks that may be impossible on a machine, which CI must not pass over unnoticed."""

from __future__ import annotations

import os
from typing import Final

import click

ALLOW_SKIPPED: Final = "ALLOW_SKIPPED"
"""The variable that names the gates that may be skipped in CI, with commas between them."""
_NO: Final = {"", "0", "false"}


def skip(gate: str, why: str) -> int:
    """Report that a gate could not look.

    Args:
        gate: Its name, one word.
        why: What was missing.

    Returns:
        The exit status: 0 on a person's machine; 1 where the variable ``CI`` is set, unless
        ``ALLOW_SKIPPED`` names the gate.
    """
    click.echo(f"{gate}: SKIPPED, {why}")
    allowed = {name.strip() for name in os.environ.get(ALLOW_SKIPPED, "").split(",")}
    if os.environ.get("CI", "").lower() in _NO or gate in allowed:
        return 0
    click.echo(
        f"{gate}: in CI a skipped gate fails. To fix this, give it what it needs, or set"
        f" {ALLOW_SKIPPED}={gate}"
    )
    return 1
