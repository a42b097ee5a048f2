"""Deploys the stack into an embedded AWS, lets its schedules drain events, and shows each step.

``python -m simulator run``, or ``make run``. Everything runs on this machine's loopback, with
made-up data. Exits with 1 if the counts don't reconcile, and leaves nothing running.
"""

from __future__ import annotations

import re
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from drainctl import INTERRUPTED, MakeCommand
from drainctl.verify import QueryError
from eventdrain.events import ArchiveKey
from simulator.answers import show_answers
from simulator.aws import EmbeddedAwsError, StackError
from simulator.deployment import LocalDeployment
from simulator.reconciliation import reconcile
from simulator.streams_option import streams_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from simulator.aws import Run
    from simulator.reconciliation import Reconciliation

_MOST_KEYS: Final = 3
_PICTURE_WIDTH: Final = 80
_PICTURE: Final = re.sub(r"@font-face {{.*?}}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich's picture without fonts from the network."""


@click.command(
    "run",
    cls=MakeCommand,
    help="Deploy the stack into an embedded AWS and watch it drain made-up events.",
)
@click.option(
    "--events",
    default=5000,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Number of events at the event server, for all streams together.",
)
@streams_option
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw what is printed up to the reconciliation; docs/run.svg is drawn so.",
)
def main(events: int, event_types: Sequence[str], svg: Path | None) -> None:
    """Deploy and drain."""
    console = Console(
        highlight=False,
        emoji=False,
        record=svg is not None,
        width=_PICTURE_WIDTH if svg else None,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with LocalDeployment() as deployment:
            is_balanced = _run(deployment, events, event_types, console, svg)
    except KeyboardInterrupt:
        console.print("\nInterrupted: all processes are stopped.")
        sys.exit(INTERRUPTED)
    except (EmbeddedAwsError, StackError, QueryError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    sys.exit(not is_balanced)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(
    deployment: LocalDeployment,
    events: int,
    event_types: Sequence[str],
    console: Console,
    svg: Path | None,
) -> bool:
    server = deployment.event_server
    console.print(f"Event server      {server.endpoint} (tokens needed, as in production)")
    console.print(f"Token server      {deployment.token_server.endpoint}")
    console.print(f"Embedded AWS      {deployment.aws.endpoint_url}")
    with console.status("sam build: the function and its layers"):
        deployment.build()
    console.print("sam build         done; kept until a source changes")
    with console.status("sam deploy: the stack, into the embedded AWS"):
        deployment.deploy(EventTypes=",".join(event_types))
    console.print(f"sam deploy        stack {deployment.stack.name} is deployed")
    deployment.stack.put_credentials(deployment.credentials)
    console.print("Credentials       written to their secret")
    for number, event_type in enumerate(event_types):
        share = events // len(event_types) + (number < events % len(event_types))
        server.publish_made_up(event_type, share)
        console.print(f"Events            {share:,} {event_type} wait at the event server")
    with console.status("EventBridge Scheduler: a one-time copy of each schedule fires"):
        deployment.stack.fire_drains()
    console.print("Schedule          fired at once, by a one-time copy of it\n")
    runs = _watch(deployment, events, len(event_types), console)
    _show_reports(runs, console)
    keys = deployment.archive_keys()
    lines = deployment.archive_lines()
    messages = deployment.take_messages()
    console.print(
        f"\n[bold]Secrets Manager[/]: tokens minted: {deployment.token_server.minted};"
        f" cached until {deployment.token_expiry()}",
        soft_wrap=True,
    )
    console.print(_streams_table(keys, lines, messages))
    reconciliation = reconcile(server.ledger(), lines, messages)
    _show_reconciliation(reconciliation, console)
    if svg is not None:
        console.save_svg(str(svg), title="make run", code_format=_PICTURE, unique_id="run")
    _show_samples(keys, lines, messages, console)
    show_answers(deployment, event_types, console)
    console.print("\nTo keep a stack up, with events that keep coming, run: make up")
    return reconciliation.is_balanced


def _watch(
    deployment: LocalDeployment, events: int, schedules: int, console: Console
) -> Sequence[Run]:
    """Show the progress of the schedules' runs, and return those runs."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("The function starts", total=events)

        def show() -> None:
            counts = deployment.event_server.counts()
            progress.update(
                task,
                completed=counts["acked"],
                description="Draining           " if counts["streams"] else None,
            )

        runs = deployment.stack.wait_for_runs(schedules, on_wait=show)
        while deployment.event_server.counts()["acked"] < events and not any(
            map(_has_failed, runs)
        ):
            runs = deployment.stack.wait_for_runs(len(runs) + 1, on_wait=show)
        show()
    return runs


def _has_failed(run: Run) -> bool:
    return any(record.get("level") == "ERROR" for record in run.records)


def _show_reports(runs: Sequence[Run], console: Console) -> None:
    reports = [record["report"] for run in runs for record in run.records if "report" in record]
    table = Table(title="\nThe runs", title_justify="left")
    table.add_column("stream", no_wrap=True)
    for name in ("received", "acked", "left", "batches", "kB", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("end")
    for report in reports:
        table.add_row(
            report["event_type"],
            f"{report['received']:,}",
            f"{report['acked']:,}",
            f"{sum(report['left'].values()):,}",
            f"{report['batches']:,}",
            f"{report['bytes_received'] / 1000:,.0f}",
            f"{report['run_seconds']:,.1f}",
            report["error"] or report["end_reason"],
        )
    console.print(table)


def _show_reconciliation(found: Reconciliation, console: Console) -> None:
    console.print(_reconciliation_table(found))
    if found.is_balanced:
        console.print("[green]Reconciled: the same events are in S3, in SQS and acked.")
    else:
        console.print("[red]NOT reconciled: the event ids in S3, in SQS and acked differ.")


def _show_samples(
    keys: Sequence[tuple[str, int]],
    lines: Sequence[dict[str, Any]],
    messages: Sequence[dict[str, Any]],
    console: Console,
) -> None:
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


def _presentable(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "Body": message["Body"],
        "MessageAttributes": {
            name: attribute["StringValue"]
            for name, attribute in sorted(message["MessageAttributes"].items())
        },
    }


def _streams_table(
    keys: Sequence[tuple[str, int]],
    lines: Sequence[dict[str, Any]],
    messages: Sequence[dict[str, Any]],
) -> Table:
    parsed = (ArchiveKey.parse(key) for key, _ in keys)
    objects = Counter(key.event_type for key in parsed if key is not None)
    archived = Counter(line["event_type"] for line in lines)
    queued = Counter(
        message["MessageAttributes"]["event_type"]["StringValue"] for message in messages
    )
    table = Table("stream", "objects", "lines", "messages", title="\nStreams", title_justify="left")
    for event_type, count in archived.items():
        table.add_row(
            event_type, f"{objects[event_type]:,}", f"{count:,}", f"{queued[event_type]:,}"
        )
    return table


def _reconciliation_table(found: Reconciliation) -> Table:
    table = Table("place", "events", "copies", title="\nReconciliation", title_justify="left")
    table.add_row("published by the event server", f"{len(found.published):,}", "")
    table.add_row("acked at the event server", f"{len(found.acked):,}", "")
    for place, ids in (("lines in S3", found.archived), ("messages from SQS", found.queued)):
        table.add_row(place, f"{len(ids):,}", f"{ids.total() - len(ids):,}")
    return table
