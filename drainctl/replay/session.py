"""One session of an operator: count, show, ask, send; and how it ended, as an exit status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from drainctl.replay.output import count_table, end_line, plan_table
from drainctl.replay.passes import run_pass
from eventdrain.replay import ReplayEnd, ReplayReport, replay_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from drainctl.replay.checkpoint_file import CheckpointFile
    from eventdrain.adapters.aws import AwsSession
    from eventdrain.replay import Checkpoint, ReplayJob

_DONE: Final = 0
_FAILED: Final = 1
_INTERRUPTED: Final = 130


class Session:
    """Replays one job, with somebody watching.

    Args:
        aws: As whom, and in which region.
        job: What to send; it can work.
        name: The replay's name; None for its start.
        checkpoint: Where an earlier run of it may have left how far it came.
        console: Shows everything.

    Raises:
        ConfigurationError: The name can't be, or the checkpoint belongs to another job.
    """

    def __init__(
        self,
        aws: AwsSession,
        job: ReplayJob,
        name: str | None,
        checkpoint: CheckpointFile,
        console: Console,
    ) -> None:
        self._aws = aws
        self._job = job
        self._file = checkpoint
        self._console = console
        self._after = checkpoint.load(selection=job.digest)
        self._name = replay_name(name, self._after, datetime.now(UTC))

    def run(self, *, is_dry_run: bool, is_sure: bool) -> int:
        """Run it.

        Args:
            is_dry_run: Whether to count only.
            is_sure: Whether to send without counting and asking.

        Returns:
            The exit status.

        Raises:
            ConfigurationError: There is nowhere to keep a checkpoint.
        """
        self._console.print(plan_table(self._job))
        if self._after is not None:
            self._console.print(
                f"Going on with the replay {self._after.replay} after {self._after.key}, line"
                f" {self._after.lines:,}.",
                highlight=False,
                markup=False,
            )
        if is_dry_run:
            return self._status(self._count())
        self._file.check()
        if not is_sure:
            counted = self._count()
            if not counted.is_done:
                return self._status(counted)
            if not counted.events:  # what comes now nobody was asked about
                self._file.remove()
                return _DONE
            if not click.confirm(f"Send these {counted.events:,} events?"):
                return _FAILED
        return self._send()

    def _count(self) -> ReplayReport:
        report = ReplayReport(self._name, is_dry_run=True)
        self._pass(replace(self._job, is_dry_run=True), report)
        self._console.print(count_table(report, self._job.rate))
        if report.is_done and not report.events:
            self._console.print(f"Nothing to send: {self._why_nothing(report)}.", soft_wrap=True)
        return report

    def _why_nothing(self, counted: ReplayReport) -> str:
        if self._after is not None:
            return "all that matches was sent before"
        if not counted.objects:
            return "no objects are there; check --bucket, --prefix, --stream, --from and --to"
        return "no line that can be read matches; check --from, --to, --event-id and --subscription"

    def _send(self) -> int:
        report = ReplayReport(self._name, is_dry_run=False)
        self._pass(self._job, report, self._file.save)
        self._console.print(end_line(report), highlight=False, markup=False)
        if report.is_done:
            self._file.remove()
        elif self._file.is_there:
            self._console.print("The same command goes on from there.")
        return self._status(report)

    def _pass(
        self,
        job: ReplayJob,
        report: ReplayReport,
        on_checkpoint: Callable[[Checkpoint], None] = lambda _: None,
    ) -> None:
        run_pass(
            job,
            report,
            aws=self._aws,
            after=self._after,
            on_checkpoint=on_checkpoint,
            console=self._console,
        )

    def _status(self, report: ReplayReport) -> int:
        if report.end_reason is ReplayEnd.STOPPED:
            return _INTERRUPTED
        if report.error is not None:
            self._console.print(f"Error: {report.error}", soft_wrap=True, markup=False)
        return _DONE if report.is_done else _FAILED
