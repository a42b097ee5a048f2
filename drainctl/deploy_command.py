"""The command that gives a stack other parameters."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def deploy_command(parameters: Mapping[str, str]) -> str:
    """Return a `sam deploy` for a shell, with these values and no others."""
    overrides = [
        f'{name}="{value}"' if " " in value else f"{name}={value}"
        for name, value in parameters.items()
    ]
    return shlex.join(["sam", "deploy", "--parameter-overrides", *overrides])
