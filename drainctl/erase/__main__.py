"""The command: ``python -m drainctl.erase --stack-name event-drain --subscription ...``."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

import click
from botocore.exceptions import BotoCoreError
from rich.console import Console

from drainctl.aws_account import AwsAccount, aws_account
from drainctl.described_stack import StackUnusable
from drainctl.erase.places import Before, find_places
from drainctl.erase.receipt import Receipt
from drainctl.erase.session import INTERRUPTED, Session
from drainctl.erase.store import ErasureFailed
from drainctl.erase.subject import Subject
from drainctl.make_command import MakeCommand
from drainctl.replay.stack import Stack
from eventdrain.errors import DrainError

_NOT_DONE: Final = 1


def _ids(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    if any(not value.strip() for value in values):
        raise click.BadParameter("it is empty")
    return tuple(dict.fromkeys(values))


@click.command("forget", cls=MakeCommand, context_settings={"max_content_width": 100})
@click.option("--stack-name", required=True, help="The stack.")
@aws_account
@click.option(
    "--subscription",
    "subscriptions",
    multiple=True,
    required=True,
    callback=_ids,
    help="The subscription id, as the operator knows it; may be repeated for one person's others.",
)
@click.option(
    "--archive-prefix",
    "archive_prefixes",
    multiple=True,
    help="A value that the parameter ArchivePrefix had before; may be repeated.",
)
@click.option(
    "--quarantine-prefix",
    "quarantine_prefixes",
    multiple=True,
    help="Likewise of QuarantinePrefix.",
)
@click.option(
    "--pseudonym-key",
    "pseudonym_keys",
    multiple=True,
    help="The ARN of a secret with a key that pseudonyms were made with before; may be repeated.",
)
@click.option("--delete", is_flag=True, help="Delete. Without it everything is only counted.")
@click.option("--yes", is_flag=True, help="Delete without asking first.")
@click.option(
    "--bypass-lock",
    is_flag=True,
    help="Delete what is under object lock, too; needs s3:BypassGovernanceRetention.",
)
@click.option(
    "--receipt",
    "receipt_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the receipt goes.  [default: forget-<time>.receipt.json]",
)
def main(
    *,
    stack_name: str,
    account: AwsAccount,
    subscriptions: tuple[str, ...],
    archive_prefixes: tuple[str, ...],
    quarantine_prefixes: tuple[str, ...],
    pseudonym_keys: tuple[str, ...],
    delete: bool,
    yes: bool,
    bypass_lock: bool,
    receipt_path: Path | None,
) -> None:
    """Delete all that a stack keeps of a subscriber: lines, quarantine, table, old versions.

    It counts and changes nothing, unless --delete is given. Others' events stay, each of them.
    Whenever it is cut off, the same command goes on: what is deleted stays deleted, and nothing is
    lost in between. docs/personal-data.md says what it can't reach, and which rights it needs.

    Exit status: 0 done, or counted; 1 failed, not to its end, or not wanted; 2 wrong usage;
    130 interrupted.
    """
    console = Console()
    started = datetime.now(UTC)
    path = receipt_path or Path(f"forget-{started:%Y%m%dT%H%M%SZ}.receipt.json")
    is_stopped = Event()
    before = Before(archive_prefixes, quarantine_prefixes, pseudonym_keys)
    try:
        session = account.session()
        places = find_places(session, Stack.named(session, stack_name), before)
        subject = Subject(subscriptions, places.pseudonyms)
        receipt = Receipt(path, stack_name=stack_name, subject=subject, started=started)
        forgetting = Session(
            session, places, subject, console, bypasses_lock=bypass_lock, is_stopped=is_stopped
        )
        if delete:
            receipt.check()
            question = f"Delete it from {stack_name} for good?"
            if not (yes or click.confirm(question)):
                sys.exit(_NOT_DONE)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: is_stopped.set())
        status = forgetting.run(receipt if delete else None)
    except (StackUnusable, ErasureFailed, DrainError, BotoCoreError) as error:
        raise click.ClickException(str(error)) from None
    if status == INTERRUPTED:
        console.print("Interrupted; the same command goes on.")
    sys.exit(status)


if __name__ == "__main__":
    main()
