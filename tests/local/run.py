"""The main job, to be watched: deploy the stack into an embedded AWS and let its schedule drain.

``python -m tests.local.run``, or ``make run``. Everything is on this machine's loopback and all
data are made up. Exits with 1 if the books don't balance, and leaves nothing running.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from eventdrain.streams import DEFAULT_EVENT_TYPE
from tests.local.books import keep_books
from tests.local.deployment import LocalDeployment
from tests.local.embedded_aws import EmbeddedAwsError
from tests.local.stack import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from tests.local.books import Books
    from tests.local.stack import Run

_MOST_KEYS: Final = 6
_INTERRUPTED: Final = 130


@click.command(help="Deploy the stack into an embedded AWS and watch it drain made-up events.")
@click.option(
    "--events",
    default=5000,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="How many events wait at the event server.",
)
def main(events: int) -> None:
    """Run the main job."""
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with LocalDeployment() as deployment:
            is_balanced = _run(deployment, events, console)
    except KeyboardInterrupt:
        console.print("\nInterrupted: everything that ran is stopped.")
        sys.exit(_INTERRUPTED)
    except (EmbeddedAwsError, StackError) as error:
        console.print(f"[red]{error}", soft_wrap=True)
        sys.exit(1)
    sys.exit(not is_balanced)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(deployment: LocalDeployment, events: int, console: Console) -> bool:
    server = deployment.event_server
    console.print(f"Event server      {server.endpoint} (tokens needed, as in production)")
    console.print(f"Token server      {deployment.token_server.endpoint}")
    console.print(f"Embedded AWS      {deployment.aws.endpoint_url}")
    with console.status("sam build: the function and its layers"):
        deployment.build()
    console.print("sam build         done")
    with console.status("sam deploy: the stack, into the embedded AWS"):
        deployment.deploy()
    console.print(f"sam deploy        stack {deployment.stack.name} is there")
    deployment.stack.put_credentials(deployment.credentials)
    console.print("Credentials       put into their secret")
    server.publish_made_up(DEFAULT_EVENT_TYPE, events)
    console.print(f"Events            {events:,} wait at the event server\n")
    runs = _watch(deployment, events, console)
    _show_report(runs, console)
    return _show_books(deployment, console)


def _watch(deployment: LocalDeployment, events: int, console: Console) -> Sequence[Run]:
    """Show how the schedule's runs drain the events, and give those runs."""
    with Progress(
        TextColumn("{task.description:<38}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("Waiting for the schedule to fire", total=events)

        def show() -> None:
            counts = deployment.event_server.counts()
            progress.update(
                task,
                completed=counts["acked"],
                description="The schedule fired: draining" if counts["streams"] else None,
            )

        runs = deployment.stack.wait_for_runs(1, on_wait=show)
        while deployment.event_server.counts()["acked"] < events and not _has_failed(runs[-1]):
            runs = deployment.stack.wait_for_runs(len(runs) + 1, on_wait=show)
        show()
    return runs


def _has_failed(run: Run) -> bool:
    return any(record.get("level") == "ERROR" for record in run.records)


def _show_report(runs: Sequence[Run], console: Console) -> None:
    for run in runs:
        table = Table("report", "", title=f"\nRun {run.request_id}", title_justify="left")
        for report in (record["report"] for record in run.records if "report" in record):
            for name, value in report.items():
                table.add_row(name, json.dumps(value))
        console.print(table)


def _show_books(deployment: LocalDeployment, console: Console) -> bool:
    keys = deployment.archive_keys()
    lines = deployment.archive_lines()
    messages = deployment.take_messages()
    console.print(f"\n[bold]S3[/]: {len(keys)} objects, {sum(size for _, size in keys):,} bytes")
    for key, size in keys[:_MOST_KEYS]:
        console.print(f"  {size:>7,}  {key}", soft_wrap=True)
    if len(keys) > _MOST_KEYS:
        console.print(f"           … and {len(keys) - _MOST_KEYS} more")
    if lines:
        console.print("\n[bold]One line[/] (all data are made up):")
        console.print_json(data=lines[0])
    if messages:
        console.print("\n[bold]One message[/] of the queue:")
        console.print_json(data=_presentable(messages[0]))
    console.print(
        f"\n[bold]Secrets Manager[/]: access token kept until {deployment.token_expiry()},"
        f" minted by the token server: {deployment.token_server.minted}",
        soft_wrap=True,
    )
    books = keep_books(deployment.event_server.ledger(), lines, messages)
    console.print(_books_table(books))
    if books.is_balanced:
        console.print("[green]The books balance: the same events are in S3, in SQS and acked.")
    else:
        console.print("[red]The books do NOT balance: the event ids above differ.")
    return books.is_balanced


def _presentable(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "Body": message["Body"],
        "MessageAttributes": {
            name: attribute["StringValue"]
            for name, attribute in sorted(message["MessageAttributes"].items())
        },
    }


def _books_table(books: Books) -> Table:
    table = Table("place", "events", "copies", title="\nThe books", title_justify="left")
    table.add_row("published by the event server", f"{len(books.published):,}", "")
    table.add_row("acked at the event server", f"{len(books.acked):,}", "")
    for place, ids in (("lines in S3", books.archived), ("messages from SQS", books.queued)):
        table.add_row(place, f"{len(ids):,}", f"{ids.total() - len(ids):,}")
    return table


if __name__ == "__main__":
    main()
