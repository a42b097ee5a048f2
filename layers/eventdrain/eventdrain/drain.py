"""The drain: one run over one stream, from opening it to the report.

Tasks share the work. A *reading* keeps a connection open and puts what arrives into the inbox;
where one connection is not enough there are several, among which the server shares the events. The
*drain* itself takes deliveries from the inbox as far as there is room, gathers them into batches,
and starts a commit for each. ``Pace`` decides when to take and when to end, ``Batch`` when to
commit, ``Commit`` what may be acked.

The order of the end matters: stop taking, commit what was taken and ack it while the calls are
still open, then cancel them. What the server pushed meanwhile stays unwritten and unacked, and is
delivered again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from eventdrain.errors import UnreadableDelivery
from eventdrain.inbox import Inbox
from eventdrain.lag import Lag
from eventdrain.outcome import LeftReason
from eventdrain.quarantine import quarantined
from eventdrain.reading import Reading
from eventdrain.window import EndReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from eventdrain.batch import Batch
    from eventdrain.commit import Commit
    from eventdrain.delivery import Delivery, DeliveryReader
    from eventdrain.outcome import Outcome
    from eventdrain.pace import Pace
    from eventdrain.ports import Authorization, EventSource
    from eventdrain.report import Report
    from eventdrain.window import Window

_logger = logging.getLogger(__name__)


class Drain:
    """One drain. Run it once.

    Args:
        source: Where events come from.
        parallel_streams: How many connections to have to it.
        authorization: Renewed once, if the server does not accept the token.
        reader: Reads the stream's messages.
        batch: Empty; gathers deliveries.
        commit: Writes and acks a batch.
        pace: Decides when to take deliveries and when to end.
        window: The bounded time of the run, by ``clock``.
        inbox_size: About how many messages to hold unread; the reading waits where there are more.
        report: Empty; filled as the drain goes on.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        source: EventSource,
        parallel_streams: int,
        authorization: Authorization,
        reader: DeliveryReader,
        batch: Batch,
        commit: Commit,
        pace: Pace,
        window: Window,
        inbox_size: int,
        report: Report,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._batch = batch
        self._commit = commit
        self._pace = pace
        self._window = window
        self._report = report
        self._clock = clock
        self._changed = asyncio.Event()
        self._inbox = Inbox(inbox_size, on_arrival=self._changed.set)
        self._readings = [
            Reading(
                source=source,
                authorization=authorization,
                inbox=self._inbox,
                report=report,
                on_open=self._note_open,
                on_close=self._note_closed,
            )
            for _ in range(parallel_streams)
        ]
        self._commits: set[asyncio.Task[Outcome]] = set()
        self._lag = Lag()

    async def run(self) -> Report:
        """Drain until the window ends, for whatever reason, and say how it went.

        Returns:
            The report; its end reason is ``failed`` for every error that ended the run. Before
            that, everything taken was committed or counted as left.
        """
        started = self._clock()
        readings = [asyncio.create_task(reading.run()) for reading in self._readings]
        for reading in readings:
            reading.add_done_callback(self._note_refused)
        try:
            self._report.end_reason = await self._take_until_end(readings)
            self._report.last_events_age_seconds = self._lag.age_seconds(self._clock())
            self._fail_if_unreachable()
            self._inbox.close()
            self._start_commit()
            while self._commits:
                await asyncio.wait(self._commits)
                self._settle_commits()
        finally:
            for reading in readings:
                reading.cancel()
            await asyncio.gather(*readings, *self._commits, return_exceptions=True)
        for reading in readings:
            if not reading.cancelled():
                reading.result()  # raises what is a bug
                self._pace.failed()
        if self._pace.has_failed:
            self._report.end_reason = EndReason.FAILED
        if self._inbox:
            self._report.left[LeftReason.NOT_TAKEN] += len(self._inbox)
        self._report.run_seconds = self._clock() - started
        return self._report

    async def _take_until_end(self, readings: Sequence[asyncio.Task[str]]) -> EndReason:
        while True:
            self._settle_commits()
            reason = self._pace.end(self._clock())
            has_just_arrived = reason is EndReason.IDLE and self._inbox
            if reason is not None and not has_just_arrived:
                return reason
            self._take()
            if self._batch.is_due(self._clock()) or self._pace.is_last:
                self._start_commit()
            # One that is refused ends the run as failed, but not before the others are through.
            if all(reading.done() for reading in readings) and not self._inbox:
                return EndReason.FAILED
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        due_at = self._batch.due_at
        until = self._pace.ends_at if due_at is None else min(due_at, self._pace.ends_at)
        try:
            async with asyncio.timeout(until - self._clock()):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    def _take(self) -> None:
        # A batch at a time: who asks before each delivery whether there is room pays for it.
        while (count := min(len(self._inbox), self._pace.room, self._batch.room)) > 0:
            now = self._clock()
            self._pace.took(count, now)
            for _ in range(count):
                delivery = self._delivery(*self._inbox.take())
                self._report.note(delivery)
                self._lag.note(delivery, now)
                self._batch.add(delivery, now)
            if self._batch.is_full:
                self._start_commit()

    def _delivery(self, message: bytes, received_at: datetime) -> Delivery:
        try:
            return self._reader.read(message, received_at)
        except UnreadableDelivery as error:
            delivery = quarantined(
                message,
                received_at,
                event_type=self._report.event_type,
                reason=error.reason,
                pseudonyms=self._reader.pseudonyms,
            )
            _logger.warning("%s; event %s goes to quarantine", error, delivery.event_id)
            return delivery

    def _start_commit(self) -> None:
        if not self._batch:
            return
        commit = asyncio.create_task(
            self._commit(self._batch.take(), until=self._window.commit_until)
        )
        commit.add_done_callback(lambda _: self._changed.set())
        self._commits.add(commit)

    def _settle_commits(self) -> None:
        for commit in [commit for commit in self._commits if commit.done()]:
            self._commits.remove(commit)
            outcome = commit.result()
            self._report.add(outcome)
            self._pace.settled(
                committed=outcome.written,
                left=outcome.size - outcome.written,
                now=self._clock(),
            )
            if outcome.fatal is not None:
                self._report.is_access_refused |= outcome.fatal.is_about_access
                self._fail(outcome.fatal.message)

    def _fail_if_unreachable(self) -> None:
        """Fail where the whole window went by without a stream: events expire meanwhile."""
        has_ended = self._report.end_reason is EndReason.WINDOW
        was_tried = self._report.connections > 0
        if has_ended and was_tried and not (self._pace.is_open or self._report.received):
            last_end = self._readings[0].last_end
            self._fail(
                f"there was no stream of the event server's in the whole window ({last_end}): check"
                " API_ENDPOINT, the way there, and the server"
            )

    def _fail(self, error: str) -> None:
        self._report.error = self._report.error or error
        self._pace.failed()

    def _note_refused(self, reading: asyncio.Task[str]) -> None:
        if not reading.cancelled() and reading.exception() is None:
            self._report.error = self._report.error or reading.result()
        self._changed.set()

    def _note_open(self) -> None:
        self._pace.opened(self._clock())
        self._changed.set()

    def _note_closed(self) -> None:
        self._pace.closed()
        self._changed.set()
