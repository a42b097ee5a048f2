"""One pass over the archive, with a progress bar; Ctrl-C and SIGTERM end it early."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Self

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from eventdrain.errors import ConfigurationError, with_hint
from eventdrain.replay_wiring import opened_replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from eventdrain.adapters.boto import AwsSession
    from eventdrain.replay import Checkpoint, ReplayJob, ReplayReport


class _Bar:
    """The progress bar of one pass; use it as a context."""

    def __init__(self, console: Console, what: str, report: ReplayReport) -> None:
        self._report = report
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[done]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
        )
        self._task = self._progress.add_task(what, total=None, done="listing")
        self._objects = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, objects: int, size: int) -> None:
        """Set the total size to read."""
        self._objects = objects
        self._progress.reset(self._task, total=size, done="")

    def update(self) -> None:
        """Show the report's current counts."""
        report = self._report
        seconds = self._progress.tasks[self._task].elapsed or 0.0
        per_second = report.events / seconds if seconds else 0.0
        self._progress.update(
            self._task,
            completed=report.bytes_read,
            done=(
                f"{report.objects:,}/{self._objects:,} objects, {report.events:,} events,"
                f" {per_second:,.0f}/s"
            ),
        )


def run_pass(
    job: ReplayJob,
    report: ReplayReport,
    *,
    aws: AwsSession,
    after: Checkpoint | None,
    on_checkpoint: Callable[[Checkpoint], None],
    console: Console,
) -> None:
    """Run a replay. Its report is complete however the replay ends.

    Args:
        job: The job.
        report: An empty report, to be filled.
        aws: The AWS session.
        after: The checkpoint to continue from; None to start at the beginning.
        on_checkpoint: Called with each new checkpoint.
        console: Shows the progress.
    """
    with _Bar(console, "counting" if job.is_dry_run else "sending", report) as bar:
        try:
            asyncio.run(_run(job, report, aws, after, on_checkpoint, bar))
        except ConfigurationError as error:
            hint = f"{error.hint}; on this machine, check --profile, --region, and --bucket"
            report.error = with_hint(error.reason, hint)


async def _run(
    job: ReplayJob,
    report: ReplayReport,
    aws: AwsSession,
    after: Checkpoint | None,
    on_checkpoint: Callable[[Checkpoint], None],
    bar: _Bar,
) -> None:
    async with opened_replay(
        job,
        report,
        after=after,
        on_checkpoint=on_checkpoint,
        session=aws,
        on_progress=bar.update,
    ) as replay:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, replay.stop)
        try:
            found = await replay.survey()
            if found is not None:
                bar.expect(*found)
                await replay.run()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
