"""The command ``drainctl replay``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.logging import RichHandler

from drainctl.make_command import MakeCommand
from drainctl.output import console, print_json
from drainctl.pseudonyms import names_of, pseudonyms_of
from drainctl.replay import options
from drainctl.replay.checkpoint_file import CheckpointFile
from drainctl.replay.job import job_of
from drainctl.replay.session import Session
from drainctl.target import Target, asks_aws, not_empty
from eventdrain.adapters.aws import SecretsManager
from eventdrain.adapters.boto import BotoSecretCalls, aws_clients
from eventdrain.events import max_events_per_message
from eventdrain.replay import DEFAULT_RATE, Selection, since, until

if TYPE_CHECKING:
    from datetime import datetime


@click.command("replay", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws(needs_stack=False)
@click.option("--bucket", callback=not_empty, help="The archive's bucket, instead of the stack's.")
@click.option(
    "--prefix",
    callback=not_empty,
    help="The key prefix of the archive.  [default: the stack's, else events]",
)
@click.option(
    "--queue-url",
    callback=options.queue_url,
    help="A queue for all streams, instead of the stack's.",
)
@click.option(
    "--from",
    "first",
    type=options.Moment(since),
    help="Only events from this time on: a day in UTC, or an instant such as 2026-03-01T12:30:00Z.",
)
@click.option(
    "--to",
    "end",
    type=options.Moment(until),
    help="Only events before this instant, or up to the end of this day. Events without a time"
    " count by their arrival.",
)
@click.option(
    "--stream",
    "event_types",
    multiple=True,
    callback=options.event_types,
    help="Only this stream; may be repeated or separated by commas.  [default: all of the stack, or"
    " of the archive]",
)
@click.option(
    "--event-id",
    "event_ids",
    multiple=True,
    callback=options.event_ids,
    help="Only the event with this id; may be repeated or separated by commas. The whole range is"
    " still read.",
)
@click.option(
    "--subscription",
    "subscriptions",
    multiple=True,
    callback=options.subscriptions,
    help="Only events of this subscription id; may be repeated. The whole range is still read.",
)
@click.option(
    "--rate",
    type=float,
    callback=options.checked_rate,
    default=DEFAULT_RATE,
    show_default=True,
    help="Events per second; 0 for no limit.",
)
@click.option(
    "--events-per-message",
    type=click.IntRange(1, max_events_per_message(is_fifo=False)),
    help="The maximum number of events in a message.  [default: the stack's, else 1]",
)
@click.option(
    "--name",
    help="The value of the messages' attribute `replayed`.  [default: the start time]",
)
@click.option(
    "--checkpoint",
    "checkpoint_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("replay.checkpoint.json"),
    show_default=True,
    help="The file that stores the progress. If it exists, the replay continues from it.",
)
@click.option("--dry-run", is_flag=True, help="Count, and send nothing.")
@click.option("--yes", is_flag=True, help="Send without counting and asking first.")
def main(
    *,
    target: Target,
    is_json: bool,
    bucket: str | None,
    prefix: str | None,
    queue_url: str | None,
    first: datetime | None,
    end: datetime | None,
    event_types: tuple[str, ...],
    event_ids: frozenset[str],
    subscriptions: frozenset[str],
    rate: float,
    events_per_message: int | None,
    name: str | None,
    checkpoint_path: Path,
    dry_run: bool,
    yes: bool,
) -> None:
    """Send archived events to a queue again, each of them once.

    Counts the events first, prints the counts and asks for confirmation. Messages are the same as
    the drain's, with one more attribute, `replayed`. An event is sent if it matches all options.

    Ctrl-C finishes the current calls and stores the progress. The same command then continues.
    docs/replay.md describes guarantees and cost.

    Exit status: 0 done; 1 failed or declined; 2 wrong usage; 130 interrupted.
    """
    shown = console(is_json=is_json)
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=shown)]
    )
    aws = target.session()
    stack = None if target.stack_name is None else target.stack(aws)
    if subscriptions and stack is not None:
        pseudonyms = pseudonyms_of(
            stack, SecretsManager(lambda: BotoSecretCalls(aws_clients(aws).secrets))
        )
        subscriptions = names_of(subscriptions, *([] if pseudonyms is None else [pseudonyms]))
    job = job_of(
        Selection(
            event_types=event_types,
            since=first,
            until=end,
            event_ids=event_ids,
            subscriptions=subscriptions,
        ),
        stack=stack,
        bucket=bucket,
        prefix=prefix,
        queue_url=queue_url,
        events_per_message=events_per_message,
        needs_queue=not dry_run,
        rate=rate,
    )
    options.check_job(job, name)
    session = Session(aws, job, name, CheckpointFile(checkpoint_path), shown)
    status = session.run(is_dry_run=dry_run, is_sure=yes)
    if is_json:
        print_json({"stack": target.stack_name, **session.report.as_json()})
    sys.exit(status)
