"""The command: ``python -m drainctl.doctor --stack-name event-drain``."""

from __future__ import annotations

import logging
import sys
import tomllib
from pathlib import Path
from typing import Final

import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from rich.console import Console

from drainctl.aws_account import AwsAccount, aws_account
from drainctl.described_stack import StackUnusable
from drainctl.doctor.examination import Examination
from drainctl.doctor.finding import Status
from drainctl.doctor.judge import judge
from drainctl.doctor.output import as_json, lines, summary
from drainctl.make_command import MakeCommand

_WRONG: Final = 1
_CANNOT_LOOK: Final = 2
_PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
_BOUNDED: Final = Config(
    connect_timeout=3,
    read_timeout=6,
    max_pool_connections=4,
    retries={"mode": "standard", "total_max_attempts": 2},
)


@click.command("doctor", cls=MakeCommand, context_settings={"max_content_width": 100})
@click.option("--stack-name", required=True, help="The deployed stack.")
@aws_account
@click.option(
    "--skip-stream",
    is_flag=True,
    help="Ask AWS alone: call neither the event API nor the token endpoint.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
def main(*, stack_name: str, account: AwsAccount, skip_stream: bool, is_json: bool) -> None:
    """Check a deployed stack from here, and change nothing.

    One line for each check: ✓ well, ⚠ look at it, ✗ wrong, · skipped, with what helps below it.
    Takes some seconds, 15 at the most.

    It opens each stream for two seconds beside the stack's durable queue, and takes no event from
    it. It uses the token that the stack's runs keep; where that doesn't serve, it mints one, which
    is a call to the rate-limited token endpoint, and throws it away.

    docs/doctor.md lists what it asks, and the IAM actions that it needs.

    Exit status: 0 nothing is wrong, 1 something is, 2 wrong usage, or it can't look.
    """
    console = Console(highlight=False)
    # What the engine logs on the way is told by the findings.
    logging.getLogger("eventdrain").addHandler(logging.NullHandler())
    try:
        examination = Examination(account.session(), _BOUNDED, version(), skips_api=skip_stream)
        facts = examination.examine(stack_name)
    except (StackUnusable, BotoCoreError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_CANNOT_LOOK)
    findings = judge(facts)
    if is_json:
        click.echo(as_json(stack_name, findings))
    else:
        for line in (*lines(findings), summary(findings)):
            console.print(line, soft_wrap=True)
    sys.exit(_WRONG if any(each.status is Status.BAD for each in findings) else 0)


def version() -> str:
    """Give the version of this checkout."""
    return str(tomllib.loads(_PROJECT.read_text())["project"]["version"])


if __name__ == "__main__":
    main()
