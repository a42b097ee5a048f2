"""The command: ``python -m drainctl.replay --stack-name event-drain --from 2026-03-01 ...``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.logging import RichHandler

from drainctl.aws_account import AwsAccount, aws_account
from drainctl.described_stack import StackUnusable
from drainctl.make_command import MakeCommand
from drainctl.named_option import named
from drainctl.pseudonym_key import names_of, pseudonyms_of
from drainctl.replay import options
from drainctl.replay.checkpoint_file import CheckpointFile
from drainctl.replay.places import find_places
from drainctl.replay.session import Session
from drainctl.replay.stack import Stack
from eventdrain.adapters.aws import SecretsManager, aws_clients
from eventdrain.errors import DrainError
from eventdrain.replay import DEFAULT_RATE, ReplayJob, Selection, since, until

if TYPE_CHECKING:
    from datetime import datetime


@click.command("replay", cls=MakeCommand, context_settings={"max_content_width": 100})
@click.option(
    "--stack-name",
    callback=named,
    help="The stack whose archive is read, and whose queues are sent to.",
)
@aws_account
@click.option("--bucket", callback=named, help="The archive's bucket, in place of the stack's.")
@click.option(
    "--prefix",
    callback=named,
    help="What its keys begin with.  [default: the stack's, else events]",
)
@click.option(
    "--queue-url", callback=named, help="Another queue than the stack's, for all streams."
)
@click.option(
    "--from",
    "first",
    type=options.Moment(since),
    help="Events from this time on: a day of UTC, or an instant such as 2026-03-01T12:30:00Z.",
)
@click.option(
    "--to",
    "end",
    type=options.Moment(until),
    help="Events before this instant, or up to the end of this day. What has no time goes by its"
    " arrival.",
)
@click.option(
    "--stream",
    "event_types",
    multiple=True,
    callback=options.event_types,
    help="Only this stream; may be repeated, or hold commas.  [default: all of the stack, or of the"
    " archive]",
)
@click.option(
    "--event-id",
    "event_ids",
    multiple=True,
    callback=options.event_ids,
    help="Only the event with this id; may be repeated, or hold commas. The whole range is read all"
    " the same.",
)
@click.option(
    "--subscription",
    "subscriptions",
    multiple=True,
    callback=options.subscriptions,
    help="Only the events of this subscription id; may be repeated. The whole range is read all the"
    " same.",
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
    type=click.IntRange(1, 100),
    help="Events that one message may hold.  [default: the stack's, else 1]",
)
@click.option(
    "--name",
    help="What the messages' attribute `replayed` says.  [default: the time of the start]",
)
@click.option(
    "--checkpoint",
    "checkpoint_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("replay.checkpoint.json"),
    show_default=True,
    help="Keeps how far it has come. If it is there, the replay goes on from it.",
)
@click.option("--dry-run", is_flag=True, help="Count, and send nothing.")
@click.option("--yes", is_flag=True, help="Send without counting and asking first.")
def main(
    *,
    stack_name: str | None,
    account: AwsAccount,
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
    """Send archived events to a queue again, each once.

    It counts first, shows what it would send, and asks. A message is what the drain's was, with one
    attribute more, `replayed`. Options that narrow the selection all have to be true of an event.

    Ctrl-C ends it when what is under way is sent; the same command again goes on from there.
    docs/replay.md says what is guaranteed and what it costs.

    Exit status: 0 done, 1 failed or not wanted, 2 wrong usage, 130 interrupted.
    """
    console = Console()
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console)]
    )
    try:
        aws = account.session()
        stack = None if stack_name is None else Stack.named(aws, stack_name)
        places = find_places(
            stack=stack,
            bucket=bucket,
            prefix=prefix,
            queue_url=queue_url,
            event_types=event_types,
            events_per_message=events_per_message,
            needs_queue=not dry_run,
        )
        if subscriptions and stack is not None:
            secrets = SecretsManager(aws_clients(aws).secrets)
            subscriptions = names_of(subscriptions, pseudonyms_of(stack, secrets))
        job = ReplayJob(
            selection=Selection(
                event_types=tuple(places.queue_urls),
                since=first,
                until=end,
                event_ids=event_ids,
                subscriptions=subscriptions,
            ),
            rate=rate,
            is_dry_run=False,
            archive_hint="check --stack-name, --bucket and --prefix, --profile and --region, and"
            " that you may s3:ListBucket and s3:GetObject there",
            queue_hint="check --queue-url or --stack-name, --profile and --region, and that you may"
            " sqs:SendMessage to it and use the key that encrypts it",
            bucket=places.bucket,
            prefix=places.prefix,
            queue_urls=places.queue_urls,
            events_per_message=places.events_per_message,
        )
        options.check_job(job, name)
        session = Session(aws, job, name, CheckpointFile(checkpoint_path), console)
        sys.exit(session.run(is_dry_run=dry_run, is_sure=yes))
    except (StackUnusable, DrainError) as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
