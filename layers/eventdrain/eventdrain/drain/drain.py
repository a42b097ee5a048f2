"""The drain: one run over one stream, from opening the stream to the report.

Each *subscription* is a task that keeps one stream open. There may be several; the server then
distributes the events among them. The *drain* takes messages from the subscriptions while there is
room, collects the deliveries into batches, and starts a commit for each batch. ``Pace`` decides
when to take messages and when to end, ``Batch`` when to commit, and ``Commit`` what to ack.

The order at the end matters: stop taking messages, then commit and ack what was taken while the
streams are still open, then cancel the streams. Messages that arrived in the meantime are neither
written nor acked, and the server delivers them again.
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

_UNKNOWN_CAUSE: Final = ApiSilent(
    "the event API does not respond, and the cause is unknown",
    hint="check the parameter ApiEndpoint (API_ENDPOINT), the event API, and the gateways in front"
    " of it",
    setting="API_ENDPOINT",
)


class Drain:
    """One drain. Run it once.

    Args:
        source: Opens streams.
        parallel_streams: How many streams to open.
        authorization: Provides the token. It is renewed once if the server rejects it.
        reader: Converts the streams' messages to deliveries.
        batch: An empty batch that collects deliveries.
        commit: Writes and acks a batch.
        pace: Decides when to take deliveries and when to end.
        window: The time limits of the run, by ``clock``.
        report: An empty report, which the drain fills.
        clock: Returns seconds, monotonic.
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
        """Drain until there is a reason to end.

        Returns:
            The report. Its end reason is ``failed`` if an error ended the run. In every case, each
            delivery taken was either committed or counted as left.
        """
        started = self._clock()
        subscribing = [asyncio.create_task(each.run()) for each in self._subscriptions]
        for task in subscribing:
            task.add_done_callback(self._note_failed_subscription)
        reason = EndReason.FAILED
        try:
            try:
                reason = await self._take_until_end(subscribing)
            except Exception as error:  # noqa: BLE001 - deliveries taken before are still committed
                self._report.fail(note_unexpected(error, "the drain"))
            last_events_age = self._lag.age_seconds(self._clock())
            self._fail_if_api_silent(reason, started)
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
            if subscription.refusal is not None:
                self._report.fail(subscription.refusal)
            untaken = [message for message, _ in subscription.take(subscription.unread)]
            heartbeats = sum(map(self._reader.is_heartbeat, untaken))
            self._report.add_untaken(untaken, heartbeats=heartbeats)
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
            # A failed subscription fails the run, but the other subscriptions continue first.
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
        # Take up to a batch at once: checking the room for each delivery costs too much CPU time.
        while (room := min(self._pace.room, self._batch.room)) > 0:
            messages = self._next_messages(room)
            if not messages:
                return
            try:
                read = [self._reader.read(*message) for message in messages]
            except BaseException:
                self._report.add_untaken([message for message, _ in messages])
                raise
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

    def _next_messages(self, limit: int) -> Sequence[tuple[bytes, datetime]]:
        """Take messages of one subscription, in round-robin order."""
        for _ in range(len(self._subscriptions)):
            self._subscriptions.rotate(-1)
            if messages := self._subscriptions[0].take(limit):
                return messages
        return ()

    def _start_commit(self) -> None:
        if not self._batch:
            return
        deliveries = self._batch.take()
        commit = asyncio.create_task(
            self._commit(deliveries, until=self._window.commit_until, on_written=self._note_written)
        )
        commit.add_done_callback(lambda _: self._changed.set())
        self._commits[commit] = len(deliveries)
        self._pace.committing(len(deliveries))

    def _note_written(self, count: int) -> None:
        self._pace.written(count)
        self._changed.set()

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

    def _fail_if_api_silent(self, reason: EndReason, started: float) -> None:
        """Fail if the window had no events and the event API did not respond for most of it.

        Events may wait at the server until they expire. The check covers the whole window, because
        the state of the streams at the end says nothing about the time before.
        """
        now = self._clock()
        heard = self._pace.heard_seconds(now)
        is_quiet = reason is EndReason.WINDOW and not self._report.received and not self._unread
        if is_quiet and self._connections and heard * 2 < now - started:
            self._report.fail(self._silence_error(heard, now - started))

    def _silence_error(self, heard: float, window: float) -> ApiSilent:
        if heard:
            what = f"the event API responded during only {heard:.0f} s of the {window:.0f} s window"
        else:
            what = "the event API sent no event and answered no probe during the whole window"
        ends = [each.last_end for each in self._subscriptions]
        silences = [each.last_silence for each in self._subscriptions]
        errors = [error for error in (*ends, *silences) if error is not None]
        reasons = "; ".join(dict.fromkeys(error.reason for error in errors))
        cause = next((error for error in reversed(errors) if error.hint), _UNKNOWN_CAUSE)
        return ApiSilent(
            f"{what}: {reasons or 'no HTTP/2 connection was established'}",
            hint=cause.hint,
            setting=cause.setting,
        )

    def _note_failed_subscription(self, task: asyncio.Task[DrainError]) -> None:
        if not task.cancelled():
            bug = task.exception()
            self._report.fail(note_unexpected(bug, "a subscription") if bug else task.result())
        self._changed.set()
