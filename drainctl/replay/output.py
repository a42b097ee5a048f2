"""The tables that the command prints. None of them contains a subscription id."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.filesize import decimal

from drainctl.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from eventdrain.replay import ReplayJob, ReplayReport


def job_table(job: ReplayJob) -> Table:
    """Return the job as a table, with the exact time range."""
    shown = table("Replay", show_header=False)
    selection = job.selection
    since, until = selection.since, selection.until
    shown.add_row("archive", f"s3://{job.bucket}/{job.prefix}/")
    shown.add_row("streams", ", ".join(selection.event_types))
    shown.add_row("from", "the first day" if since is None else f"{since.isoformat()}, included")
    shown.add_row("to", "the last day" if until is None else f"{until.isoformat()}, not included")
    if selection.event_ids:
        shown.add_row("only", f"{len(selection.event_ids):,} event ids")
    if selection.subscriptions:
        shown.add_row("only", f"{len(selection.subscriptions):,} subscriptions")
    for url in dict.fromkeys(job.queue_urls.values()):
        shown.add_row("queue", url)
    return shown


def count_table(report: ReplayReport, rate: float) -> Table:
    """Return the counts of a dry run as a table."""
    shown = table("It would send", "", "", show_header=False)
    for name, value in (
        ("objects read", f"{report.objects:,}"),
        ("bytes read", decimal(report.bytes_read)),
        ("lines", f"{report.lines:,}"),
        ("  not selected", f"{report.left_out:,}"),
        ("  duplicates", f"{report.duplicates:,}"),
        ("  unreadable", f"{report.unreadable:,}"),
        ("events", f"{report.events:,}"),
        ("messages", f"{report.messages:,}"),
        ("bytes of messages", decimal(report.message_bytes)),
        ("requests to SQS", f"{report.requests:,}"),
        ("  billed as", f"{report.billed_requests:,}"),
        ("time at the rate", _duration(report.events, rate)),
    ):
        shown.add_row(name, value)
    return shown


def end_line(report: ReplayReport) -> str:
    """Return the result of a pass that sent events, as one line."""
    return (
        f"Sent {report.events:,} events as the replay {report.replay} in"
        f" {timedelta(seconds=round(report.run_seconds))}; left out {report.duplicates:,}"
        f" duplicates and {report.unreadable:,} unreadable lines."
    )


def _duration(events: int, rate: float) -> str:
    if not rate:
        return "no limit"
    return f"{timedelta(seconds=round(events / rate))} ({rate:g}/s)"
