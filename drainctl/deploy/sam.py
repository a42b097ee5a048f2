"""The SAM CLI: its own output is shown, and its own questions are asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from drainctl.deploy.answers import PROJECT
from drainctl.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping


def build_and_deploy(
    *,
    stack_name: str,
    region: str,
    profile: str | None,
    parameters: Mapping[str, str],
    confirms: bool,
    is_json: bool,
) -> None:
    """Build the stack and deploy it.

    Args:
        stack_name: The stack's name.
        region: The AWS region.
        profile: A profile of the AWS CLI.
        parameters: The template's parameters.
        confirms: Whether SAM shows the changes and asks before it makes them.
        is_json: Whether SAM's output goes to standard error.

    Raises:
        CommandError: SAM is missing or failed, or a parameter can't be passed to it.
    """
    if unfit := [name for name, value in parameters.items() if {'"', "\\"} & {*value}]:
        raise CommandError(f"{', '.join(unfit)}: SAM takes no value with a quote or backslash")
    # Not the user's own samconfig.toml: the answers say what is deployed.
    settings = ["--config-file", str(PROJECT / "samconfig.yml")]
    _run(["build", *settings], is_json=is_json)
    _run(
        [
            *("deploy", *settings, "--stack-name", stack_name, "--region", region),
            *(("--profile", profile) if profile else ()),
            *(() if confirms else ("--no-confirm-changeset",)),
            "--no-fail-on-empty-changeset",
            "--parameter-overrides",
            *(f'{name}="{value}"' for name, value in parameters.items()),
        ],
        is_json=is_json,
    )


def _run(arguments: list[str], *, is_json: bool) -> None:
    own = PROJECT / ".venv-sam" / "bin" / "sam"
    sam = str(own) if own.exists() else shutil.which("sam")
    if sam is None:
        raise CommandError("the SAM CLI is missing", "run make deploy, which installs it")
    sys.stdout.flush()
    done = subprocess.run(  # noqa: S603 - no shell
        [sam, *arguments], cwd=PROJECT, check=False, stdout=sys.stderr if is_json else None
    )
    if done.returncode:
        raise CommandError(
            f"sam {arguments[0]} failed with status {done.returncode}",
            "read its output above; for a first deployment, see docs/operations.md",
        )
