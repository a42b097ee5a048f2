"""The composition root of replays: a job in, a replay with its adapters out."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from eventdrain.adapters.aws import RenewedHttp, S3ArchiveReader, SqsPublisher, aws_clients
from eventdrain.errors import DrainError, note_unexpected
from eventdrain.replay import CountingSink, RateLimit, Replay, ReplayEnd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from eventdrain.adapters.aws import AwsSession
    from eventdrain.ports import Sink
    from eventdrain.replay import Checkpoint, ReplayJob, ReplayReport

_READS_AT_ONCE: Final = 16
_SENDS_AT_ONCE: Final = 10
"""A slice of a hundred events makes ten calls."""


def run_replay(
    job: ReplayJob,
    report: ReplayReport,
    *,
    seconds: float,
    after: Checkpoint | None,
    on_checkpoint: Callable[[Checkpoint], None],
) -> ReplayReport:
    """Run a replay, and nothing beside it.

    Args:
        job: What to do.
        report: Empty; is filled and given back.
        seconds: How long it may go on; what is under way then may take some more.
        after: Where an earlier run of the same job ended.
        on_checkpoint: Is given each new checkpoint.

    Returns:
        The report. Every error ends in it, a bug too.
    """

    async def run() -> None:
        until = time.monotonic() + seconds
        async with opened_replay(
            job, report, after=after, until=until, on_checkpoint=on_checkpoint
        ) as replay:
            await replay.run()

    try:
        asyncio.run(run())
    except DrainError as error:
        report.error = str(error)
    except Exception as error:  # noqa: BLE001 - its caller needs the report and the checkpoint
        report.end_reason = ReplayEnd.FAILED
        report.error = str(note_unexpected(error, "the replay"))
    return report


@asynccontextmanager
async def opened_replay(
    job: ReplayJob,
    report: ReplayReport,
    *,
    after: Checkpoint | None,
    on_checkpoint: Callable[[Checkpoint], None],
    session: AwsSession | None = None,
    until: float = float("inf"),
    on_progress: Callable[[], None] = lambda: None,
) -> AsyncIterator[Replay]:
    """Make a replay and its connections, which are closed with the context.

    Args:
        job: What to do.
        report: Empty; is filled.
        after: Where an earlier run of the same job ended.
        on_checkpoint: See ``Replay``.
        session: See ``aws_clients``.
        until: When to begin nothing more, by ``time.monotonic``.
        on_progress: See ``Replay``.

    Raises:
        ConfigurationError: The job can't work, or there are no credentials or no region.
    """
    job.check()
    clients = aws_clients(session)
    async with AsyncExitStack() as connections:
        s3 = RenewedHttp(
            lambda: clients.s3_endpoint(job.bucket), connections, calls_at_once=_READS_AT_ONCE
        )
        archive = S3ArchiveReader(
            clients.s3, s3, bucket=job.bucket, prefix=job.prefix, hint=job.archive_hint
        )
        publishers: dict[str, Sink]
        if job.is_dry_run:
            counting = CountingSink(
                layout=job.layout, events_per_message=job.events_per_message, report=report
            )
            publishers = dict.fromkeys(job.selection.event_types, counting)
        else:
            sqs = RenewedHttp(clients.sqs_endpoint, connections, calls_at_once=_SENDS_AT_ONCE)
            publishers = {
                event_type: SqsPublisher(
                    sqs,
                    queue_url=job.queue_urls[event_type],
                    layout=job.layout,
                    events_per_message=job.events_per_message,
                    replay=report.replay,
                    hint=job.queue_hint,
                )
                for event_type in job.selection.event_types
            }
        yield Replay(
            archive=archive,
            publishers=publishers,
            selection=job.selection,
            rate=RateLimit(0 if job.is_dry_run else job.rate),
            report=report,
            digest=job.digest,
            after=after,
            until=until,
            on_progress=on_progress,
            on_checkpoint=on_checkpoint,
        )
