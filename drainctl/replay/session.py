"""One session of an operator: count, ask for confirmation, and send."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from drainctl.interrupt import INTERRUPTED
from drainctl.replay.output import count_table, end_line, job_table
from drainctl.replay.passes import run_pass
from eventdrain.replay import ReplayEnd, ReplayReport, replay_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from drainctl.replay.checkpoint_file import CheckpointFile
    from eventdrain.adapters.boto import AwsSession
    from eventdrain.replay import Checkpoint, ReplayJob

_DONE: Final = 0
_FAILED: Final = 1


class Session:
    """Replays one job interactively.

    Args:
        aws: The AWS session.
        job: The valid job.
        name: The replay's name; None to use the start time.
        checkpoint: The file that stores the progress, perhaps of an earlier run.
        console: Shows the progress and the result.

    Attributes:
        report: The report of the last pass.

    Raises:
        ConfigurationError: The name is invalid, or the checkpoint belongs to another job.
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
        self.report = ReplayReport(self._name, is_dry_run=True)

    def run(self, *, is_dry_run: bool, is_sure: bool) -> int:
        """Run the session and return the exit status.

        Args:
            is_dry_run: Whether to count only.
            is_sure: Whether to send without counting and asking first.

        Raises:
            ConfigurationError: The checkpoint can't be stored.
        """
        self._console.print(job_table(self._job))
        if self._after is not None:
            self._console.print(
                f"Continuing the replay {self._after.replay} after line {self._after.lines:,} of"
                f" {self._after.key}.",
                markup=False,
            )
        if is_dry_run:
            return self._count()
        self._file.check()
        if not is_sure:
            status = self._count()
            if status != _DONE:
                return status
            if not self.report.events:  # do not send events that arrive from now on
                self._file.remove()
                return _DONE
            question = f"Send these {self.report.events:,} events?"
            if not click.confirm(question, err=self._console.stderr):
                return _FAILED
        return self._send()

    def _count(self) -> int:
        self._pass(replace(self._job, is_dry_run=True))
        self._console.print(count_table(self.report, self._job.rate))
        if self.report.is_done and not self.report.events:
            self._console.print(f"Nothing to send: {self._why_nothing()}.", soft_wrap=True)
        return self._status()

    def _why_nothing(self) -> str:
        if self._after is not None:
            return "everything that matches was already sent"
        if not self.report.objects:
            return "there are no objects; check --bucket, --prefix, --stream, --from and --to"
        return "no readable line matches; check --from, --to, --event-id and --subscription"

    def _send(self) -> int:
        self._pass(self._job, self._file.save)
        if self.report.events or self.report.error is None:
            self._console.print(end_line(self.report), markup=False)
        if self.report.is_done:
            self._file.remove()
        elif self._file.is_there:
            self._console.print("Run the same command again to continue.")
        return self._status()

    def _pass(
        self, job: ReplayJob, on_checkpoint: Callable[[Checkpoint], None] = lambda _: None
    ) -> None:
        self.report = ReplayReport(self._name, is_dry_run=job.is_dry_run)
        run_pass(
            job,
            self.report,
            aws=self._aws,
            after=self._after,
            on_checkpoint=on_checkpoint,
            console=self._console,
        )

    def _status(self) -> int:
        if self.report.end_reason is ReplayEnd.STOPPED:
            return INTERRUPTED
        if self.report.error is not None:
            self._console.print(f"Error: {self.report.error}", soft_wrap=True, markup=False)
        return _DONE if self.report.is_done else _FAILED
