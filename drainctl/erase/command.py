"""The command ``drainctl erase``."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

import click

from drainctl.erase.bucket import Bucket
from drainctl.erase.erasure import Erasure
from drainctl.erase.findings import Findings, Run
from drainctl.erase.locations import PATIENT, locations_of
from drainctl.erase.receipt import Receipt
from drainctl.erase.subject import Subject
from drainctl.make_command import MakeCommand
from drainctl.output import console, print_json
from drainctl.target import Target, asks_aws

_DECLINED: Final = 1


def _ids(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    if any(not value.strip() for value in values):
        raise click.BadParameter("it is empty")
    return tuple(dict.fromkeys(values))


@click.command("erase", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws()
@click.option(
    "--subscription",
    "subscriptions",
    multiple=True,
    required=True,
    callback=_ids,
    help="The subscription id, not a pseudonym; may be repeated for other ids of the person.",
)
@click.option(
    "--archive-prefix",
    "archive_prefixes",
    multiple=True,
    help="An earlier value of the parameter ArchivePrefix; may be repeated.",
)
@click.option(
    "--quarantine-prefix",
    "quarantine_prefixes",
    multiple=True,
    help="An earlier value of the parameter QuarantinePrefix; may be repeated.",
)
@click.option(
    "--pseudonym-key",
    "pseudonym_keys",
    multiple=True,
    help="The ARN of a secret that holds an earlier key for pseudonyms; may be repeated.",
)
@click.option(
    "--delete", is_flag=True, help="Delete the events. Without this option, they are only counted."
)
@click.option("--yes", is_flag=True, help="Delete without asking first.")
@click.option(
    "--bypass-lock",
    is_flag=True,
    help="Also delete objects under object lock; needs s3:BypassGovernanceRetention.",
)
@click.option(
    "--receipt",
    "receipt_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the receipt.  [default: erase-<time>.receipt.json]",
)
def main(
    *,
    target: Target,
    is_json: bool,
    subscriptions: tuple[str, ...],
    archive_prefixes: tuple[str, ...],
    quarantine_prefixes: tuple[str, ...],
    pseudonym_keys: tuple[str, ...],
    delete: bool,
    yes: bool,
    bypass_lock: bool,
    receipt_path: Path | None,
) -> None:
    """Erase a subscriber from the archive, the quarantine and the tables.

    Deletes the subscriber's lines, quarantined events and rows, with all old versions. Keeps all
    events of other subscribers. Without --delete, only counts and changes nothing. If the command
    fails or is interrupted, run it again: no other event is lost meanwhile. With --json, prints the
    content of the receipt. docs/personal-data.md lists the rights that it needs, and its limits.

    Exit status: 0 erased, or counted; 1 failed, declined, or something could not be checked; 2
    wrong usage; 130 interrupted.
    """
    shown = console(is_json=is_json)
    started = datetime.now(UTC)
    path = receipt_path or Path(f"erase-{started:%Y%m%dT%H%M%SZ}.receipt.json")
    session = target.session()
    stack = target.stack(session)
    locations = locations_of(
        session,
        stack,
        earlier_archive_prefixes=archive_prefixes,
        earlier_quarantine_prefixes=quarantine_prefixes,
        earlier_pseudonym_keys=pseudonym_keys,
    )
    subject = Subject(subscriptions, locations.pseudonyms)
    receipt = Receipt(path, stack_name=stack.name, subject=subject, started=started)
    s3 = session.client("s3", config=PATIENT)
    bucket = Bucket(s3, locations.bucket, bypasses_lock=bypass_lock)
    is_stopped = Event()
    run = Run(bucket, Findings(), not delete, started, is_stopped.is_set)
    erasure = Erasure(run, locations, subject, shown, receipt)
    if delete:
        receipt.check()
        question = f"Permanently delete this subscriber's events from {stack.name}?"
        if not (yes or click.confirm(question, err=is_json)):
            sys.exit(_DECLINED)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: is_stopped.set())
    try:
        status = erasure.erase()
    finally:
        if is_json:
            print_json(erasure.result)
    if is_stopped.is_set():
        shown.print("Interrupted. Run the same command again to continue.")
    sys.exit(status)
