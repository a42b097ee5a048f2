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
from typing import TYPE_CHECKING, Final

from eventdrain.drain.inbox import Inbox
from eventdrain.drain.lag import Lag
from eventdrain.drain.outcome import LeftReason, Outcome
from eventdrain.drain.subscription import Subscription
from eventdrain.drain.window import EndReason
from eventdrain.errors import ApiSilent, Heartbeat, UnreadableDelivery
from eventdrain.events import quarantined
from eventdrain.unexpected import note_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from eventdrain.drain.batch import Batch
    from eventdrain.drain.commit import Commit
    from eventdrain.drain.pace import Pace
    from eventdrain.drain.report import Report
    from eventdrain.drain.window import Window
    from eventdrain.events import Delivery, DeliveryReader
    from eventdrain.ports import Authorization, EventSource

_logger = logging.getLogger(__name__)

_UNNAMED: Final = ApiSilent(
    "the event API is silent, and nothing says why",
    hint="check the parameter ApiEndpoint (API_ENDPOINT), the gateways on the way there, and the"
    " event API itself",
    setting="API_ENDPOINT",
)


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
            Subscription(
                source=source,
                authorization=authorization,
                inbox=self._inbox,
                report=report,
                pace=pace,
                on_proven=self._changed.set,
                clock=clock,
            )
            for _ in range(parallel_streams)
        ]
        self._commits: dict[asyncio.Task[Outcome], int] = {}
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
            try:
                self._report.end_reason = await self._take_until_end(readings)
            except Exception as error:  # noqa: BLE001 - what was taken is committed all the same
                self._fail(str(note_unexpected(error, "the drain")))
            self._report.last_events_age_seconds = self._lag.age_seconds(self._clock())
            self._fail_if_unheard(started)
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
                self._pace.failed()
        if self._pace.has_failed:
            self._report.end_reason = EndReason.FAILED
        # What a bug kept from its batch.
        self._report.leave_unaccounted()
        if self._inbox:
            self._report.received += len(self._inbox)
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
            arrived = (self._delivery(*self._inbox.take()) for _ in range(count))
            deliveries = [delivery for delivery in arrived if delivery is not None]
            self._report.heartbeats += count - len(deliveries)
            if not deliveries:
                continue
            self._pace.took(len(deliveries), now)
            for delivery in deliveries:
                self._report.note(delivery)
                self._lag.note(delivery, now)
                self._batch.add(delivery, now)
            if self._batch.is_full:
                self._start_commit()

    def _delivery(self, message: bytes, received_at: datetime) -> Delivery | None:
        try:
            return self._reader.read(message, received_at)
        except Heartbeat:
            return None
        except UnreadableDelivery as error:
            reason = error.reason
        except Exception as error:  # noqa: BLE001 - one event that trips a bug holds up no other
            note_unexpected(error, "reading a delivery")
            reason = "trips a bug"
        delivery = quarantined(
            message,
            received_at,
            event_type=self._report.event_type,
            reason=reason,
            pseudonyms=self._reader.pseudonyms,
        )
        _logger.warning(
            "%s; event %s goes to quarantine", UnreadableDelivery(reason), delivery.event_id
        )
        return delivery

    def _start_commit(self) -> None:
        if not self._batch:
            return
        deliveries = self._batch.take()
        commit = asyncio.create_task(self._commit(deliveries, until=self._window.commit_until))
        commit.add_done_callback(lambda _: self._changed.set())
        self._commits[commit] = len(deliveries)

    def _settle_commits(self) -> None:
        for commit in [commit for commit in self._commits if commit.done()]:
            size = self._commits.pop(commit)
            bug = commit.exception()
            outcome = commit.result() if bug is None else Outcome.unexpected(bug, size)
            self._report.add(outcome)
            self._pace.settled(
                committed=outcome.written,
                left=outcome.size - outcome.written,
                now=self._clock(),
            )
            if outcome.fatal is not None:
                self._report.is_access_refused |= outcome.fatal.is_about_access
                self._fail(str(outcome.fatal))

    def _fail_if_unheard(self, started: float) -> None:
        """Fail where a window without events went by mostly without the event API.

        Events may be waiting there, and expire. What decides is the whole window: a stream that
        happens to be open, or away, at its last moment says nothing about the rest.
        """
        now = self._clock()
        heard = self._pace.heard_seconds(now)
        has_received = self._report.received or self._inbox
        is_quiet = self._report.end_reason is EndReason.WINDOW and not has_received
        if is_quiet and self._report.connections and heard * 2 < now - started:
            self._fail(str(self._unheard(heard, now - started)))

    def _unheard(self, heard: float, window: float) -> ApiSilent:
        if heard:
            what = f"the event API was heard for {heard:.0f} of the window's {window:.0f} s"
        else:
            what = "the event API sent nothing and answered no probe in the whole window"
        ends = [reading.last_end for reading in self._readings]
        silences = [reading.last_silence for reading in self._readings]
        met = [error for error in (*ends, *silences) if error is not None]
        reasons = "; ".join(dict.fromkeys(error.reason for error in met))
        named = next((error for error in reversed(met) if error.hint), _UNNAMED)
        return ApiSilent(
            f"{what}: {reasons or 'no HTTP/2 connection was made'}",
            hint=named.hint,
            setting=named.setting,
        )

    def _fail(self, error: str) -> None:
        self._report.error = self._report.error or error
        self._pace.failed()

    def _note_refused(self, reading: asyncio.Task[str]) -> None:
        if not reading.cancelled():
            bug = reading.exception()
            why = note_unexpected(bug, "reading the stream") if bug else reading.result()
            self._report.error = self._report.error or str(why)
        self._changed.set()
