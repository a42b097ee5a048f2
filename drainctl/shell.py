"""Commands to paste into a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def aws_command(
    call: str, *options: str, region: str | None = None, profile: str | None = None
) -> str:
    """Return a command of the AWS CLI, such as ``aws kms enable-key --key-id ...``."""
    named = (("--region", region), ("--profile", profile))
    where = [part for option, value in named if value for part in (option, value)]
    return shlex.join(["aws", *call.split(), *options, *where])


def deploy_command(parameters: Mapping[str, str]) -> str:
    """Return a ``sam deploy`` command that sets these parameters and keeps the others."""
    overrides = [
        f'{name}="{value}"' if " " in value else f"{name}={value}"
        for name, value in parameters.items()
    ]
    return shlex.join(["sam", "deploy", "--parameter-overrides", *overrides])
