"""What the command shows: progress while it goes on, tables of what it found and did."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from eventdrain.replay import ReplayJob, ReplayReport


class Bar:
    """A progress bar of one run; use it as a context.

    Args:
        console: Where.
        what: What the run does.
        report: Of the run.
    """

    def __init__(self, console: Console, what: str, report: ReplayReport) -> None:
        self._report = report
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task(what, total=None, told="listing")
        self._objects = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, objects: int, size: int) -> None:
        """Note how much there is to go through."""
        self._objects = objects
        self._progress.reset(self._task, total=size, told="")

    def update(self) -> None:
        """Show what the report says now."""
        report = self._report
        seconds = self._progress.tasks[self._task].elapsed or 0.0
        per_second = report.events / seconds if seconds else 0.0
        self._progress.update(
            self._task,
            completed=report.bytes_read,
            told=(
                f"{report.objects:,}/{self._objects:,} objects, {report.events:,} events,"
                f" {per_second:,.0f}/s"
            ),
        )


def plan_table(job: ReplayJob) -> Table:
    """Show what shall be replayed, with the range as it was understood. Names no subscription."""
    table = Table(title="Replay", title_justify="left", show_header=False)
    selection = job.selection
    since, until = selection.since, selection.until
    table.add_row("archive", f"s3://{job.bucket}/{job.prefix}/")
    table.add_row("streams", ", ".join(selection.event_types))
    table.add_row("from", "the first day" if since is None else f"{since.isoformat()}, included")
    table.add_row("to", "the last day" if until is None else f"{until.isoformat()}, not included")
    if selection.event_ids:
        table.add_row("only", f"{len(selection.event_ids):,} event ids")
    if selection.subscriptions:
        table.add_row("only", f"{len(selection.subscriptions):,} subscriptions")
    for url in dict.fromkeys(job.queue_urls.values()):
        table.add_row("queue", url)
    return table


def count_table(report: ReplayReport, rate: float) -> Table:
    """Show what a dry run has counted."""
    table = Table(title="It would send", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("objects read", f"{report.objects:,}")
    table.add_row("bytes read", decimal(report.bytes_read))
    table.add_row("lines", f"{report.lines:,}")
    table.add_row("  not selected", f"{report.left_out:,}")
    table.add_row("  duplicates", f"{report.duplicates:,}")
    table.add_row("  unreadable", f"{report.unreadable:,}")
    table.add_row("events", f"{report.events:,}")
    table.add_row("messages", f"{report.messages:,}")
    table.add_row("bytes of messages", decimal(report.message_bytes))
    table.add_row("requests to SQS", f"{report.requests:,}")
    table.add_row("  billed as", f"{report.billed_requests:,}")
    table.add_row("time at the rate", _duration(report.events, rate))
    return table


def end_line(report: ReplayReport) -> str:
    """Say how a run that sent has ended."""
    return (
        f"{report.events:,} events sent as the replay {report.replay}; {report.duplicates:,}"
        f" duplicates left out, {report.unreadable:,} unreadable;"
        f" {timedelta(seconds=round(report.run_seconds))}"
    )


def _duration(events: int, rate: float) -> str:
    if not rate:
        return "no limit"
    return f"{timedelta(seconds=round(events / rate))} ({rate:g}/s)"
