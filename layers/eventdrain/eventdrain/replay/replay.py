"""The replay: archived events, sent to a queue again, each once.

Folder by folder (a day of a stream), in the order of the days, and object by object in the order of
their keys, lines are read back, selected, freed from copies and sent in *slices*. When the sink has
all of a slice, the checkpoint says so: whoever goes on from there sends at the most that slice's
events a second time, and loses none.

Copies of an event lie in one folder, so only the ids of one folder need to be known at a time; to
go on in the middle of one, what was done of it is read again. Only an event without a time, which
goes by its arrival, can lie in two.
"""

from __future__ import annotations

import logging
import time
from contextlib import aclosing, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeVar

from eventdrain.errors import DrainError, EndedEarly, FailureKind, UnreadableLine, note_unexpected
from eventdrain.replay.archive_reading import ArchiveReading
from eventdrain.replay.checkpoint import Checkpoint
from eventdrain.replay.ending import Ending, Retries
from eventdrain.replay.line import lines_of, read_line
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

_MOST_AT_ONCE: Final = 100
"""Events in a slice: ten full requests to SQS."""
_LEAST_AT_ONCE: Final = 10
"""One full request: a slow rate must not cost more requests."""


class Replay:
    """One run of a replay. Run it once.

    Args:
        archive: Where the events are.
        publishers: Where those of each stream are sent, by event type.
        selection: Which of them.
        rate: How many a second.
        report: Empty; filled as the replay goes on.
        digest: Of the selection and the places, for checkpoints.
        after: Where an earlier run ended; None to begin at the beginning.
        until: The clock's time from which on nothing more is begun.
        on_progress: Is called whenever the report has grown.
        on_checkpoint: Is given each new checkpoint, once all before it is in the queue.
        clock: Seconds, monotonic.
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
        self._ending = Ending(until, clock)
        self._reading = ArchiveReading(archive, selection, after, self._ending)
        self._publishers = publishers
        self._selection = selection
        self._rate = rate
        self._report = report
        self._digest = digest
        self._after = after
        self._on_progress = on_progress
        self._on_checkpoint = on_checkpoint
        self._clock = clock
        self._at_once = _MOST_AT_ONCE
        if rate.per_second:
            self._at_once = min(_MOST_AT_ONCE, max(_LEAST_AT_ONCE, int(rate.per_second)))
        self._slice: list[Delivery] = []
        self._seen: set[int] = set()

    def stop(self) -> None:
        """Let it end as soon as the slice that is being sent is through."""
        self._ending.stop()

    async def run(self) -> ReplayReport:
        """Send what is selected, and say how it went: every error ends in the report."""
        started = self._clock()
        await self._told(self._replay_all())
        self._report.run_seconds = self._clock() - started
        return self._report

    async def survey(self) -> tuple[int, int] | None:
        """Tell how many objects there are to go through, and their bytes, by listing them.

        Returns:
            None if the replay ended over it; the report says why.
        """
        return await self._told(self._reading.survey())

    async def _told(self, work: Awaitable[_T]) -> _T | None:
        """Let the report say why something ended early."""
        try:
            return await work
        except EndedEarly as ended:
            self._report.end_reason = ReplayEnd(ended.end)
        except DrainError as error:
            self._report.end_reason = ReplayEnd.FAILED
            self._report.error = str(error)
        except Exception as error:  # noqa: BLE001 - its caller needs the report and the checkpoint
            self._report.end_reason = ReplayEnd.FAILED
            self._report.error = str(note_unexpected(error, "the replay"))
        return None

    async def _replay_all(self) -> None:
        for folder in await self._reading.folders():
            await self._replay(folder)
        self._report.end_reason = ReplayEnd.DONE

    async def _replay(self, folder: Folder) -> None:
        after = self._after if self._after and self._after.folder == folder else None
        self._seen.clear()
        passed = sha256()
        end: Checkpoint | None = None
        async with aclosing(self._reading.bodies(folder)) as bodies:
            async for stored, body in bodies:
                passed.update(stored.key.encode())
                if after is not None and stored.key < after.key:
                    with suppress(UnreadableLine):  # it was told of
                        self._recall(lines_of(body or b""))
                    continue
                here = Checkpoint(
                    self._digest, self._report.replay, stored.key, 0, passed.hexdigest()
                )
                done = self._where_it_ended(after, here)
                after = None
                end = await self._replay_object(stored, self._lines(stored, body), here, done)
        if self._slice and end is not None:
            await self._send(folder, end)

    def _where_it_ended(self, after: Checkpoint | None, here: Checkpoint) -> int:
        """Tell how many lines of an object an earlier run has done."""
        if after is None:
            return 0
        if after.passed == here.passed:
            return after.lines
        # An object that came since may hold a copy of an event that is still to be sent.
        _logger.warning(
            "the folder of %s has other objects than before: some of its events may be sent twice",
            after.folder.day,
        )
        self._seen.clear()
        return after.lines if after.key == here.key else 0

    async def _replay_object(
        self, stored: StoredObject, lines: Sequence[str], here: Checkpoint, done: int
    ) -> Checkpoint:
        """Take an object's lines from the first that is not done; give where it ends."""
        self._recall(lines[:done])
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
                raise UnreadableLine("the object is gone")  # noqa: TRY301 - one way to tell
            return lines_of(body)
        except UnreadableLine as error:
            self._leave_unread(stored, str(error))
            return ()

    def _take(self, stored: StoredObject, number: int, line: str) -> None:
        self._report.lines += 1
        try:
            delivery = read_line(line)
        except UnreadableLine as error:
            self._leave_unread(stored, f"line {number}: {error}")
            return
        if not self._selection.has(delivery):
            self._report.left_out += 1
            return
        identity = int(delivery.event_id, 16)
        if identity in self._seen:
            self._report.duplicates += 1
            return
        self._seen.add(identity)
        self._slice.append(delivery)

    def _recall(self, lines: Sequence[str]) -> None:
        """Learn which events an earlier run has sent."""
        for line in lines:
            with suppress(UnreadableLine):  # it was told of
                delivery = read_line(line)
                if self._selection.has(delivery):
                    self._seen.add(int(delivery.event_id, 16))

    def _leave_unread(self, stored: StoredObject, reason: str) -> None:
        self._report.unreadable += 1
        _logger.warning("left out of the replay: %s: %s", stored.key, reason)

    async def _send(self, folder: Folder, end: Checkpoint) -> None:
        """Send the slice, for as long as it takes; then all up to ``end`` is done."""
        pending: Sequence[Delivery] = self._slice
        await self._ending.wait(self._rate.wait_seconds(len(pending), self._clock()))
        retries = Retries(self._ending)
        while refused := await self._publishers[folder.event_type].write(pending):
            # One that can't pass decides: to wait for the others would only put it off.
            failures = sorted(refused.values(), key=lambda each: each.kind is FailureKind.RETRYABLE)
            await retries.wait(failures[0])
            pending = [delivery for delivery in pending if delivery.event_id in refused]
        self._report.events += len(self._slice)
        self._slice.clear()
        self._on_checkpoint(end)
        self._on_progress()
