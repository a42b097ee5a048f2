"""The drain: one run over one stream, from opening it to the report.

Two tasks share the work. The *reader* keeps the stream open and puts what arrives into the inbox;
the *drain* itself takes deliveries from there as far as there is room, gathers them into batches,
and starts a commit for each. ``Pace`` decides when to take and when to end, ``Batch`` when to
commit, ``Commit`` what may be acked.

The order of the end matters: stop taking, commit what was taken and ack it while the call is still
open, then cancel the call. What the server pushed meanwhile stays unwritten and unacked, and is
delivered again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from eventdrain.backoff import Backoff
from eventdrain.commit import LeftReason
from eventdrain.errors import (
    NOT_ACCEPTED,
    DrainError,
    StreamEnded,
    StreamRefused,
    Unauthenticated,
    UnreadableDelivery,
)
from eventdrain.window import EndReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.batch import Batch
    from eventdrain.commit import Commit, Outcome
    from eventdrain.delivery import DeliveryReader
    from eventdrain.pace import Pace
    from eventdrain.ports import Authorization, EventSource
    from eventdrain.report import Report
    from eventdrain.window import Window

_logger = logging.getLogger(__name__)

_FIRST_REOPEN: Final = timedelta(seconds=1)
_LONGEST_REOPEN: Final = timedelta(seconds=30)
_AFTER_AUTHENTICATION_ERROR: Final = Backoff(
    first=timedelta(seconds=10), longest=timedelta(seconds=10)
)
"""The vendor's sample waits this long, and says that a client that doesn't is rate limited."""


class Drain:
    """One drain. Run it once.

    Args:
        source: Where events come from.
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
        self._source = source
        self._authorization = authorization
        self._reader = reader
        self._batch = batch
        self._commit = commit
        self._pace = pace
        self._window = window
        self._inbox_size = inbox_size
        self._report = report
        self._clock = clock
        self._inbox: deque[tuple[bytes, datetime]] = deque()
        self._taken = asyncio.Event()
        self._is_ending = False
        self._changed = asyncio.Event()
        self._commits: set[asyncio.Task[Outcome]] = set()

    async def run(self) -> Report:
        """Drain until the window ends, for whatever reason, and say how it went.

        Returns:
            The report; its end reason is ``failed`` for every error that ended the run. Before
            that, everything taken was committed or counted as left.
        """
        started = self._clock()
        reading = asyncio.create_task(self._read())
        reading.add_done_callback(lambda _: self._changed.set())
        try:
            self._report.end_reason = await self._take_until_end(reading)
            self._is_ending = True
            self._start_commit()
            while self._commits:
                await asyncio.wait(self._commits)
                self._settle_commits()
            if self._pace.has_failed or reading.done():
                self._report.end_reason = EndReason.FAILED
        finally:
            reading.cancel()
            await asyncio.gather(reading, *self._commits, return_exceptions=True)
        if not reading.cancelled():
            reading.result()
        self._leave(LeftReason.NOT_TAKEN, len(self._inbox))
        self._report.run_seconds = self._clock() - started
        return self._report

    async def _take_until_end(self, reading: asyncio.Task[None]) -> EndReason:
        while True:
            self._settle_commits()
            reason = self._pace.end(self._clock())
            has_just_arrived = reason is EndReason.IDLE and self._inbox
            if reason is not None and not has_just_arrived:
                return reason
            self._take()
            if self._batch.is_due(self._clock()) or self._pace.is_last:
                self._start_commit()
            if reading.done() and not self._inbox:
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
        while self._inbox and self._pace.room > 0:
            message, received_at = self._inbox.popleft()
            now = self._clock()
            try:
                delivery = self._reader.read(message, received_at)
            except UnreadableDelivery as error:
                _logger.warning("%s; it is left, and comes again", error)
                self._pace.took(0, now)
                self._leave(LeftReason.UNREADABLE, 1)
                continue
            self._pace.took(1, now)
            self._report.note(delivery)
            self._batch.add(delivery, now)
            if self._batch.is_full:
                self._start_commit()
        self._taken.set()

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
                self._fail(outcome.fatal.message)

    def _fail(self, error: str) -> None:
        self._report.error = self._report.error or error
        self._pace.failed()

    def _leave(self, reason: LeftReason, count: int) -> None:
        if count:
            self._report.left[reason] += count

    async def _read(self) -> None:
        """Keep the stream open, and fill the inbox, until cancelled or refused.

        Refused, it ends: what has arrived is still taken, and then the drain has failed.
        """
        backoff = Backoff(first=_FIRST_REOPEN, longest=_LONGEST_REOPEN)
        token: str | None = None
        is_rejected = False
        while True:
            try:
                if is_rejected and not await asyncio.to_thread(self._authorization.renew, token):
                    raise StreamRefused(NOT_ACCEPTED)
                token = self._authorization.token()
                is_rejected = False
                await self._read_connection(token, backoff)
            except StreamEnded as error:
                wait = backoff.wait_seconds()
                _logger.info("%s; it is opened again in %.1f s", error, wait)
            except Unauthenticated as error:
                is_rejected = True
                wait = _AFTER_AUTHENTICATION_ERROR.wait_seconds()
                _logger.warning("%s; a new token is tried in %.1f s", error, wait)
            except DrainError as error:
                self._report.error = self._report.error or str(error)
                return
            finally:
                self._pace.closed()
                self._changed.set()
            await asyncio.sleep(wait)
            await self._has_room()

    async def _read_connection(self, token: str | None, backoff: Backoff) -> None:
        self._report.connections += 1
        async with self._source.connect(token) as connection:
            await connection.opened()
            self._pace.opened(self._clock())
            self._changed.set()
            while True:
                messages = await connection.receive()
                backoff.reset()
                received_at = datetime.now(UTC)
                self._report.received += len(messages)
                self._report.bytes_received += sum(map(len, messages))
                self._inbox.extend((message, received_at) for message in messages)
                self._changed.set()
                await self._has_room()

    async def _has_room(self) -> None:
        """Wait for room in the inbox; at the end of the drain there is none any more."""
        while self._is_ending or len(self._inbox) >= self._inbox_size:
            self._taken.clear()
            await self._taken.wait()
