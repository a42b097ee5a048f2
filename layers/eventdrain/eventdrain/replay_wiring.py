"""The composition root of replays: builds a replay with its adapters and runs it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from eventdrain.adapters.aws import SqsPublisher
from eventdrain.adapters.boto import RefreshingHttp, S3ArchiveReader, aws_clients
from eventdrain.errors import DrainError, note_unexpected
from eventdrain.replay import CountingSink, RateLimit, Replay, ReplayEnd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from eventdrain.adapters.boto import AwsSession
    from eventdrain.ports import Sink
    from eventdrain.replay import Checkpoint, ReplayJob, ReplayReport

_READS_AT_ONCE: Final = 16
_SENDS_AT_ONCE: Final = 10
"""A slice of a hundred events needs ten calls."""


def run_replay(
    job: ReplayJob,
    report: ReplayReport,
    *,
    seconds: float,
    after: Checkpoint | None,
    on_checkpoint: Callable[[Checkpoint], None],
) -> ReplayReport:
    """Run a replay in an event loop of its own.

    Args:
        job: The replay job.
        report: An empty report, which is filled and returned.
        seconds: The time limit. Calls in progress at its end are completed.
        after: The checkpoint of an earlier run of the same job; None for the first run.
        on_checkpoint: Called with each new checkpoint.

    Returns:
        The report. All errors, including unexpected ones, are recorded in it.
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
    except Exception as error:  # noqa: BLE001 - the caller needs the report and the checkpoint
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
    """Build a replay and its connections. Leaving the context closes the connections.

    Args:
        job: The replay job.
        report: An empty report, which the replay fills.
        after: The checkpoint of an earlier run of the same job; None for the first run.
        on_checkpoint: See ``Replay``.
        session: See ``aws_clients``.
        until: The deadline by ``time.monotonic``; see ``Replay``.
        on_progress: See ``Replay``.

    Raises:
        ConfigurationError: The job is invalid, or there are no AWS credentials or no region.
    """
    job.check()
    clients = aws_clients(session)
    async with AsyncExitStack() as connections:
        s3 = RefreshingHttp(
            lambda: clients.s3_endpoint(job.bucket),
            connections,
            max_concurrent_calls=_READS_AT_ONCE,
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
            sqs = RefreshingHttp(
                clients.sqs_endpoint, connections, max_concurrent_calls=_SENDS_AT_ONCE
            )
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
