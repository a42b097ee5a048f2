"""Writes a made-up archive to a folder: what the stack's bucket has after some weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eventdrain.events import STREAMS
from tests.archive.objects import write_archive
from tests.archive.plan import ArchivePlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.archive.objects import ArchiveObject

_CONSOLE: Final = Console(stderr=True)
_STREAM: Final = click.Choice(list(STREAMS))
_MEGABYTE: Final = 1_000_000


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--events", type=click.IntRange(0), default=1_000_000, help="How many different events."
)
@click.option("--days", type=click.IntRange(1), default=30, help="Of how many days.")
@click.option("--seed", type=int, default=1, help="Equal seeds make equal archives.")
@click.option(
    "--last-day",
    type=click.DateTime(["%Y-%m-%d"]),
    default=lambda: f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}",
    show_default="yesterday",
    metavar="YYYY-MM-DD",
    help="The last day, UTC.",
)
@click.option(
    "--stream",
    "streams",
    type=_STREAM,
    multiple=True,
    default=list(STREAMS),
    help="Stream to make events of; may be given several times.",
)
@click.option(
    "--slice-minutes",
    type=click.IntRange(1, 1440),
    default=10,
    help="What arrives further apart never shares an object.",
)
@click.option(
    "--lines-per-object", type=click.IntRange(1), default=100, help="Lines of an object, at most."
)
@click.option(
    "--without-number",
    type=_STREAM,
    multiple=True,
    help="Stream whose events never tell a number; may be given several times.",
)
def main(
    *,
    folder: Path,
    events: int,
    days: int,
    seed: int,
    last_day: datetime,
    streams: Sequence[str],
    slice_minutes: int,
    lines_per_object: int,
    without_number: Sequence[str],
) -> None:
    """Write a made-up archive to FOLDER, which must be empty or not exist.

    The objects have the names and the content that the stack gives them. All data are made up.
    """
    try:
        plan = ArchivePlan(
            last_day=last_day.date(),
            events=events,
            days=days,
            seed=seed,
            streams=tuple(streams),
            slice_minutes=slice_minutes,
            lines_per_object=lines_per_object,
            without_number=frozenset(without_number),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("lines"),
        TimeRemainingColumn(),
        console=_CONSOLE,
    ) as progress:
        task = progress.add_task("", total=round(events * (1 + plan.duplicates)))  # about

        def show(written: ArchiveObject) -> None:
            event_type = written.lines[0].event.event_type
            progress.update(task, advance=len(written.lines), description=event_type)

        try:
            written = write_archive(plan, folder, show)
        except OSError as error:
            raise click.ClickException(str(error)) from error
        progress.update(task, total=written.lines, completed=written.lines)
    click.echo(
        f"{written.lines} lines of {events} events in {written.objects} objects,"
        f" {written.size / _MEGABYTE:.1f} MB, in {folder}"
    )


if __name__ == "__main__":
    main(prog_name="python -m tests.archive")
