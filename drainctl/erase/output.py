"""What the command shows: a bar while it goes on, a table of what it found. Nothing personal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from drainctl.erase.findings import WHAT

if TYPE_CHECKING:
    from rich.console import Console

    from drainctl.erase.findings import Findings


def progress(console: Console) -> Progress:
    """Make the bar. How much there is to go through is not known before."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        console=console,
    )


def findings_table(findings: Findings, *, is_dry_run: bool) -> Table:
    """Show what was found, or done."""
    title = "It would delete" if is_dry_run else "Deleted"
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, what in WHAT.items():
        table.add_row(what, f"{findings.counts[name]:,}")
    days = sum(map(len, findings.days.values()))
    table.add_row("days of a stream with theirs", f"{days:,}")
    return table
