"""The drain: one run over one stream, from opening it to the report.

Tasks share the work. A *subscription* keeps a stream open; where one is not enough there are
several, among which the server shares the events. The *drain* itself takes messages from them while
there is room, gathers their deliveries into batches, and starts a commit for each. ``Pace`` decides
when to take and when to end, ``Batch`` when to commit, ``Commit`` what may be acked.

The order at the end matters: stop taking, commit what was taken and ack it while the streams are
still open, then cancel them. What the server sent meanwhile stays unwritten and unacked, and is
delivered again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from eventdrain.drain.lag import Lag
from eventdrain.drain.outcome import Outcome
from eventdrain.drain.subscription import Subscription
from eventdrain.drain.window import EndReason
from eventdrain.errors import ApiSilent, note_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from eventdrain.drain.batch import Batch
    from eventdrain.drain.commit import Commit
    from eventdrain.drain.pace import Pace
    from eventdrain.drain.report import Report
    from eventdrain.drain.window import Window
    from eventdrain.errors import DrainError
    from eventdrain.events import DeliveryReader
    from eventdrain.ports import Authorization, EventSource

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
        parallel_streams: How many streams to open.
        authorization: Renewed once, if the server does not accept the token.
        reader: Reads the streams' messages.
        batch: Empty; gathers deliveries.
        commit: Writes and acks a batch.
        pace: Decides when to take deliveries and when to end.
        window: The bounded time of the run, by ``clock``.
        report: Empty; written as the drain goes on.
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
        self._subscriptions = deque(
            Subscription(
                source=source,
                authorization=authorization,
                pace=pace,
                on_change=self._changed.set,
                clock=clock,
            )
            for _ in range(parallel_streams)
        )
        self._commits: dict[asyncio.Task[Outcome], int] = {}
        self._lag = Lag()

    async def run(self) -> Report:
        """Drain until the window ends, for whatever reason.

        Returns:
            The report; its end reason is ``failed`` for every error that ended the run. Before
            that, everything taken was committed or counted as left.
        """
        started = self._clock()
        subscribing = [asyncio.create_task(each.run()) for each in self._subscriptions]
        for task in subscribing:
            task.add_done_callback(self._note_failed_subscription)
        reason = EndReason.FAILED
        try:
            try:
                reason = await self._take_until_end(subscribing)
            except Exception as error:  # noqa: BLE001 - what was taken is committed all the same
                self._report.fail(note_unexpected(error, "the drain"))
            last_events_age = self._lag.age_seconds(self._clock())
            self._fail_if_unheard(reason, started)
            for subscription in self._subscriptions:
                subscription.stop()
            self._start_commit()
            while self._commits:
                await asyncio.wait(self._commits)
                self._settle_commits()
        finally:
            for task in subscribing:
                task.cancel()
            await asyncio.gather(*subscribing, *self._commits, return_exceptions=True)
        for subscription in self._subscriptions:
            untaken = subscription.take(subscription.unread)
            self._report.add_untaken([message for message, _ in untaken])
        self._report.end(
            reason,
            connections=self._connections,
            last_events_age_seconds=last_events_age,
            run_seconds=self._clock() - started,
        )
        return self._report

    @property
    def _unread(self) -> int:
        return sum(subscription.unread for subscription in self._subscriptions)

    @property
    def _connections(self) -> int:
        return sum(subscription.connections for subscription in self._subscriptions)

    async def _take_until_end(self, subscribing: Sequence[asyncio.Task[DrainError]]) -> EndReason:
        while True:
            self._settle_commits()
            reason = self._pace.end(self._clock())
            has_just_arrived = reason is EndReason.IDLE and self._unread
            if reason is not None and not has_just_arrived:
                return reason
            self._take()
            if self._batch.is_due(self._clock()) or self._pace.is_last:
                self._start_commit()
            # A failed subscription fails the run, but not before the others are through.
            if all(task.done() for task in subscribing) and not self._unread:
                return EndReason.FAILED
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        await asyncio.sleep(0)
        due_at = self._batch.due_at
        until = self._pace.ends_at if due_at is None else min(due_at, self._pace.ends_at)
        try:
            async with asyncio.timeout(until - self._clock()):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    def _take(self) -> None:
        # A batch at a time: asking before each delivery whether there is room costs too much.
        while (room := min(self._pace.room, self._batch.room)) > 0:
            messages = self._next_messages(room)
            if not messages:
                return
            read = [self._reader.read(*message) for message in messages]
            deliveries = [delivery for delivery in read if delivery is not None]
            self._report.add_messages(
                sum(len(message) for message, _ in messages),
                deliveries,
                heartbeats=len(read) - len(deliveries),
            )
            if not deliveries:
                # Heartbeats take no room: however many there are, others get their turn.
                self._changed.set()
                return
            now = self._clock()
            self._pace.took(len(deliveries), now)
            for delivery in deliveries:
                self._lag.note(delivery, now)
                self._batch.add(delivery, now)
            if self._batch.is_full:
                self._start_commit()

    def _next_messages(self, most: int) -> Sequence[tuple[bytes, datetime]]:
        """Take messages of one subscription, of another each time."""
        for _ in range(len(self._subscriptions)):
            self._subscriptions.rotate(-1)
            if messages := self._subscriptions[0].take(most):
                return messages
        return ()

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
            self._report.add_outcome(outcome)
            self._pace.settled(
                committed=outcome.written,
                left=outcome.size - outcome.written,
                now=self._clock(),
            )
            if outcome.fatal is not None:
                self._pace.failed()

    def _fail_if_unheard(self, reason: EndReason, started: float) -> None:
        """Fail if the event API was not heard for most of a window without events.

        Events may be waiting there, and expire. The whole window decides: whether a stream happens
        to be open in its last moment says nothing about the rest.
        """
        now = self._clock()
        heard = self._pace.heard_seconds(now)
        is_quiet = reason is EndReason.WINDOW and not self._report.received and not self._unread
        if is_quiet and self._connections and heard * 2 < now - started:
            self._report.fail(self._unheard(heard, now - started))

    def _unheard(self, heard: float, window: float) -> ApiSilent:
        if heard:
            what = f"the event API was heard for {heard:.0f} of the window's {window:.0f} s"
        else:
            what = "the event API sent nothing and answered no probe in the whole window"
        ends = [each.last_end for each in self._subscriptions]
        silences = [each.last_silence for each in self._subscriptions]
        met = [error for error in (*ends, *silences) if error is not None]
        reasons = "; ".join(dict.fromkeys(error.reason for error in met))
        named = next((error for error in reversed(met) if error.hint), _UNNAMED)
        return ApiSilent(
            f"{what}: {reasons or 'no HTTP/2 connection was made'}",
            hint=named.hint,
            setting=named.setting,
        )

    def _note_failed_subscription(self, task: asyncio.Task[DrainError]) -> None:
        if not task.cancelled():
            bug = task.exception()
            self._report.fail(note_unexpected(bug, "a subscription") if bug else task.result())
        self._changed.set()
