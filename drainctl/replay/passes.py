"""The passes of the command over the archive: each with a bar, and ended by Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from drainctl.replay.output import Bar
from eventdrain.errors import ConfigurationError, with_hint
from eventdrain.replay_wiring import opened_replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from eventdrain.adapters.aws import AwsSession
    from eventdrain.replay import Checkpoint, ReplayJob, ReplayReport


def run_pass(
    job: ReplayJob,
    report: ReplayReport,
    *,
    aws: AwsSession,
    after: Checkpoint | None,
    on_checkpoint: Callable[[Checkpoint], None],
    console: Console,
) -> None:
    """Run a replay, and fill its report, whatever it ends by.

    Args:
        job: What to do.
        report: Empty.
        aws: As whom, and in which region.
        after: Where an earlier run of the replay ended.
        on_checkpoint: Is given each new checkpoint.
        console: Shows the progress.
    """
    what = "counting" if job.is_dry_run else "sending"
    with Bar(console, what, report) as bar:
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
    bar: Bar,
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
