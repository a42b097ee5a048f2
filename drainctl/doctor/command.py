"""The command ``drainctl doctor``."""

from __future__ import annotations

import logging
import sys
import tomllib
from pathlib import Path
from typing import Final

import click
from botocore.config import Config

from drainctl.doctor import assess_access, assess_running, assess_stack
from drainctl.doctor.examination import Examination
from drainctl.doctor.findings import as_json, is_well, lines, summary
from drainctl.make_command import MakeCommand
from drainctl.output import console, print_json
from drainctl.target import Target, asks_aws

_PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
_BOUNDED: Final = Config(
    connect_timeout=3,
    read_timeout=6,
    max_pool_connections=4,
    retries={"mode": "standard", "total_max_attempts": 2},
)


@click.command("doctor", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws()
@click.option(
    "--skip-stream",
    is_flag=True,
    help="Call AWS only: neither the event API nor the token endpoint.",
)
def main(*, target: Target, is_json: bool, skip_stream: bool) -> None:
    """Check a deployed stack without changing it.

    Prints one line per check (✓ ok, ⚠ warning, ✗ problem, · skipped) and below each warning or
    problem how to fix it. Takes at most about 15 seconds.

    Opens each stream for two seconds and takes no event from the stack's durable queue. Uses the
    stack's cached token. If that token is missing or proves nothing, requests a new one from the
    rate-limited token endpoint and discards it.

    docs/doctor.md lists all checks and the IAM actions that they need.

    Exit status: 0 no problem; 1 a problem, or the stack can't be checked; 2 wrong usage.
    """
    # The findings include what the engine logs.
    logging.getLogger("eventdrain").addHandler(logging.NullHandler())
    session = target.session()
    stack = target.stack(session, _BOUNDED)
    facts = Examination(session, _BOUNDED, version(), skips_api=skip_stream).examine(stack)
    found = [
        *assess_stack.findings(facts),
        *assess_access.findings(facts),
        *assess_running.findings(facts),
    ]
    if is_json:
        print_json(as_json(stack.name, found))
    else:
        shown = console(is_json=False)
        for line in (*lines(found), summary(found)):
            shown.print(line, soft_wrap=True)
    sys.exit(not is_well(found))


def version() -> str:
    """Return the version of this checkout."""
    return str(tomllib.loads(_PROJECT.read_text())["project"]["version"])
