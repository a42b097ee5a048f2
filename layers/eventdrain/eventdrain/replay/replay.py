"""The replay: sends archived events to a queue again, each event once.

The replay reads folders (a stream and a day) in the order of the days, and each folder's objects in
the order of their keys. It selects lines, removes duplicates, and sends the events in *slices*.
After each slice there is a checkpoint. A run that continues from the last checkpoint loses no event
and sends at most one slice a second time.

All copies of an event are in one folder, so the replay needs to remember the ids of only one folder
at a time. To continue within a folder, it reads the finished part again. Events without a time are
an exception: they are filed by arrival, so their copies may be in two folders.
"""

from __future__ import annotations

import logging
import time
from contextlib import aclosing, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeVar

from eventdrain.errors import (
    DrainError,
    FailureKind,
    ReplayInterrupted,
    UnreadableLine,
    note_unexpected,
)
from eventdrain.replay.archive_scan import ArchiveScan
from eventdrain.replay.checkpoint import Checkpoint
from eventdrain.replay.interruption import Interruption, RetryBudget
from eventdrain.replay.line import read_line, read_lines
from eventdrain.replay.report import ReplayEnd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from eventdrain.events import Delivery
    from eventdrain.ports import ArchiveReader, Folder, Sink, StoredObject
    from eventdrain.replay.rate import RateLimit
    from eventdrain.replay.report import ReplayReport
    from eventdrain.replay.selection import Selection

_T = TypeVar("_T")

_logger = logging.getLogger(__name__)

_CHANGED: Final = b"changed"
"""Part of the digest in checkpoints after a change, so that no later run takes it for its own."""
_MAX_SLICE: Final = 100
"""The maximum number of events in a slice: ten full requests to SQS."""
_MIN_SLICE: Final = 10
"""The minimum, one full request: a low rate must not increase the number of requests."""


class Replay:
    """One run of a replay. Run it once.

    Args:
        archive: The archive to read.
        publishers: The sink for each stream, by event type.
        selection: The events to send.
        rate: The rate limit.
        report: An empty report, which the replay fills.
        digest: The job's digest, for checkpoints.
        after: The checkpoint to continue from; None to start at the beginning.
        until: The deadline by ``clock``, after which nothing new is started.
        on_progress: Called whenever the report has changed.
        on_checkpoint: Called with each new checkpoint, once everything before it is in the queue.
        clock: Returns seconds, monotonic.
    """

    def __init__(
        self,
        *,
        archive: ArchiveReader,
        publishers: Mapping[str, Sink],
        selection: Selection,
        rate: RateLimit,
        report: ReplayReport,
        digest: str,
        after: Checkpoint | None = None,
        until: float = float("inf"),
        on_progress: Callable[[], None] = lambda: None,
        on_checkpoint: Callable[[Checkpoint], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interruption = Interruption(until, clock)
        self._scan = ArchiveScan(archive, selection, after, self._interruption)
        self._publishers = publishers
        self._selection = selection
        self._rate = rate
        self._report = report
        self._digest = digest
        self._after = after
        self._on_progress = on_progress
        self._on_checkpoint = on_checkpoint
        self._clock = clock
        self._at_once = _MAX_SLICE
        if rate.per_second:
            self._at_once = min(_MAX_SLICE, max(_MIN_SLICE, int(rate.per_second)))
        self._slice: list[Delivery] = []
        self._seen: set[int] = set()

    def stop(self) -> None:
        """End the replay after the current slice."""
        self._interruption.stop()

    async def run(self) -> ReplayReport:
        """Send the selected events and return the report. Errors are recorded in the report."""
        await self._record_errors(self._replay_all())
        return self._report

    async def survey(self) -> tuple[int, int] | None:
        """List the objects to read.

        Returns:
            Their number and total size in bytes; None after an error, which is in the report.
        """
        return await self._record_errors(self._scan.survey())

    async def _record_errors(self, work: Awaitable[_T]) -> _T | None:
        """Await work; record its time, and an error or an early end, in the report.

        Returns:
            The result of the work; None after an error or an early end.
        """
        started = self._clock()
        try:
            return await work
        except ReplayInterrupted as interrupted:
            self._report.end_reason = ReplayEnd(interrupted.end)
        except DrainError as error:
            self._report.end_reason = ReplayEnd.FAILED
            self._report.error = str(error)
        except Exception as error:  # noqa: BLE001 - the caller needs the report and the checkpoint
            self._report.end_reason = ReplayEnd.FAILED
            self._report.error = str(note_unexpected(error, "the replay"))
        finally:
            self._report.run_seconds += self._clock() - started
        return None

    async def _replay_all(self) -> None:
        for folder in await self._scan.folders():
            await self._replay(folder)
        self._report.end_reason = ReplayEnd.DONE

    async def _replay(self, folder: Folder) -> None:
        after = self._after if self._after and self._after.folder == folder else None
        self._seen.clear()
        passed = sha256()
        end: Checkpoint | None = None
        async with aclosing(self._scan.bodies(folder)) as bodies:
            async for stored, body in bodies:
                passed.update(stored.key.encode())
                if after is not None and stored.key < after.key:
                    with suppress(UnreadableLine):  # logged by the earlier run
                        self._mark_seen(read_lines(body or b""))
                    continue
                done = 0
                if after is not None:
                    done = after.lines if after.key == stored.key else 0
                    if after.passed != passed.hexdigest():
                        self._forget_seen(folder)
                        passed.update(_CHANGED)
                    after = None
                here = Checkpoint(
                    self._digest, self._report.replay, stored.key, 0, passed.hexdigest()
                )
                end = await self._replay_object(stored, self._lines(stored, body), here, done)
        if self._slice and end is not None:
            await self._send(folder, end)

    def _forget_seen(self, folder: Folder) -> None:
        """Forget the ids before the checkpoint: new objects there were not sent.

        They may hold copies of events that are still to be sent.
        """
        _logger.warning(
            "the objects of %s have changed since the replay began: some events may be sent twice",
            folder.day,
        )
        self._seen.clear()

    async def _replay_object(
        self, stored: StoredObject, lines: Sequence[str], here: Checkpoint, done: int
    ) -> Checkpoint:
        """Replay an object's lines after the first ``done``; return the checkpoint at its end."""
        self._mark_seen(lines[:done])
        for number, line in enumerate(lines[done:], done + 1):
            self._take(stored, number, line)
            if len(self._slice) == self._at_once:
                await self._send(here.folder, here.at(number))
        self._report.objects += 1
        self._report.bytes_read += stored.size
        end = here.at(len(lines))
        if not self._slice:
            self._on_checkpoint(end)
        self._on_progress()
        return end

    def _lines(self, stored: StoredObject, body: bytes | None) -> Sequence[str]:
        try:
            if body is None:
                raise UnreadableLine("the object no longer exists")  # noqa: TRY301 - one handler
            return read_lines(body)
        except UnreadableLine as error:
            self._skip(stored, str(error))
            return ()

    def _take(self, stored: StoredObject, number: int, line: str) -> None:
        self._report.lines += 1
        try:
            delivery = read_line(line)
        except UnreadableLine as error:
            self._skip(stored, f"line {number}: {error}")
            return
        if not self._selection.includes(delivery):
            self._report.left_out += 1
            return
        identity = int(delivery.event_id, 16)
        if identity in self._seen:
            self._report.duplicates += 1
            return
        self._seen.add(identity)
        self._slice.append(delivery)

    def _mark_seen(self, lines: Sequence[str]) -> None:
        """Remember the events that an earlier run has sent."""
        for line in lines:
            with suppress(UnreadableLine):  # logged by the earlier run
                delivery = read_line(line)
                if self._selection.includes(delivery):
                    self._seen.add(int(delivery.event_id, 16))

    def _skip(self, stored: StoredObject, reason: str) -> None:
        self._report.unreadable += 1
        _logger.warning("skipped in the replay: %s: %s", stored.key, reason)

    async def _send(self, folder: Folder, end: Checkpoint) -> None:
        """Send the current slice, with retries; then report ``end`` as the new checkpoint."""
        pending: Sequence[Delivery] = self._slice
        await self._interruption.wait(self._rate.wait_seconds(len(pending), self._clock()))
        retries = RetryBudget(self._interruption)
        while failed := await self._publishers[folder.event_type].write(pending):
            # Any permanent failure ends the replay, so do not wait for the retryable ones.
            failures = sorted(failed.values(), key=lambda each: each.kind is FailureKind.RETRYABLE)
            await retries.wait(failures[0])
            pending = [delivery for delivery in pending if delivery.event_id in failed]
        self._report.events += len(self._slice)
        self._slice.clear()
        self._on_checkpoint(end)
        self._on_progress()
