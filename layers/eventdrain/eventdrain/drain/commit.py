"""The commit: writes a batch to every sink, then acks it. No other code writes or acks.

A batch is written to all sinks concurrently. A delivery is acked only if every sink has its event.
If one sink fails for an event, the event is not acked, even if the other sinks have it. The server
then delivers it again.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from eventdrain.backoff import Backoff
from eventdrain.drain.ack_pace import AckPace
from eventdrain.drain.outcome import LeftReason, Outcome
from eventdrain.errors import DrainError, Failure, FailureKind, rejected_token, unexpected_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from eventdrain.events import Delivery
    from eventdrain.ports import Acker, Authorization, Sink

_FIRST_WAIT: Final = timedelta(milliseconds=200)
_LONGEST_WAIT: Final = timedelta(seconds=5)
_ACK_SECONDS: Final = 2.0
_ACK_ATTEMPTS: Final = 5
"""About three seconds in total. A failed ack concerns one event, which the server delivers again.
Writes to a sink are retried until the window ends, because an outage would affect the next batch
too. Throttled acks do not count as attempts."""

_NO_HANDLE: Final = Failure(
    code="NoAckInfo",
    message="cannot ack a delivery: the server sent it without ack_info",
    kind=FailureKind.EVENT_REJECTED,
)
_OUT_OF_TIME: Final = Failure(
    code="OutOfTime",
    message="the window ended before the service responded",
    kind=FailureKind.EVENT_REJECTED,
)


class Commit:
    """Commits batches. Several commits may run concurrently.

    Args:
        sinks: The sinks by name, as in failures and reports. The first is the archive, which
            pointers in the other sinks refer to.
        acker: Acknowledges deliveries at the event server.
        authorization: Provides the token for acks. It is renewed once if the server rejects it.
        ack_timeout: The time after which the server redelivers an unacked event.
        clock: Returns seconds; the clock of ``until``.
    """

    def __init__(
        self,
        *,
        sinks: Mapping[str, Sink],
        acker: Acker,
        authorization: Authorization,
        ack_timeout: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sinks = sinks
        self._acker = acker
        self._authorization = authorization
        self._ack_seconds = ack_timeout.total_seconds()
        self._ack_pace = AckPace()
        self._clock = clock

    async def __call__(
        self,
        deliveries: Sequence[Delivery],
        *,
        until: float,
        on_written: Callable[[int], None] = lambda _: None,
    ) -> Outcome:
        """Write a batch to all sinks and ack the deliveries that all sinks have.

        Retryable failures are retried with exponential backoff and jitter.

        Args:
            deliveries: The batch. Two deliveries of one event are written once and both acked.
            until: The deadline for all calls and waits.
            on_written: Called with a number of deliveries that all sinks have, before their acks.

        Returns:
            The outcome. Failures of a service are values in it and are not raised.
        """
        plain = [delivery for delivery in deliveries if delivery.pointer is None]
        pointing = [delivery for delivery in deliveries if delivery.pointer is not None]
        outcome = Outcome()
        ended = await asyncio.gather(
            self._commit(plain, until, on_written, outcome, is_pointing=False),
            self._commit(pointing, until, on_written, outcome, is_pointing=True),
            return_exceptions=True,  # a bug in one must not leave the other under way
        )
        for bug in ended:
            if bug is not None:
                raise bug
        return outcome

    async def _commit(
        self,
        deliveries: Sequence[Delivery],
        until: float,
        on_written: Callable[[int], None],
        outcome: Outcome,
        *,
        is_pointing: bool,
    ) -> None:
        # After the ack timeout the server redelivers the event, so a later ack has no effect.
        ack_until = min(until, self._clock() + self._ack_seconds)
        distinct: dict[str, Delivery] = {}
        for delivery in deliveries:
            distinct.setdefault(delivery.event_id, delivery)
        events = list(distinct.values())
        # Reserve time for acks, even if a sink does not respond until the deadline.
        write_until = until - min(_ACK_SECONDS, (until - self._clock()) / 4)
        archive, *others = self._sinks
        if is_pointing:
            # Write to the archive first: the other sinks get pointers to its objects.
            failed = await self._write_all((archive,), events, write_until)
            archived = [event for event in events if event.event_id not in failed[archive]]
            failed |= await self._write_all(others, archived, write_until)
        else:
            failed = await self._write_all(self._sinks, events, write_until)
        durable: list[Delivery] = []
        for delivery in deliveries:
            failures = {
                name: of_sink[delivery.event_id]
                for name, of_sink in failed.items()
                if delivery.event_id in of_sink
            }
            outcome.failed.update(failures.keys())
            if failures:
                outcome.leave(next(iter(failures)), *failures.values())
            else:
                durable.append(delivery)
        outcome.written += len(durable)
        on_written(len(durable))
        for failure in await self._ack(durable, ack_until):
            if failure is None:
                outcome.acked += 1
            else:
                outcome.leave(LeftReason.ACK, failure)

    async def _write_all(
        self, names: Iterable[str], events: Sequence[Delivery], until: float
    ) -> dict[str, Mapping[str, Failure]]:
        """Write events to sinks concurrently; return each sink's failures by event id."""
        names = tuple(names)
        failed = await asyncio.gather(
            *(self._write(self._sinks[name], events, until) for name in names)
        )
        return dict(zip(names, failed, strict=True))

    async def _write(
        self, sink: Sink, events: Sequence[Delivery], until: float
    ) -> Mapping[str, Failure]:
        backoff = Backoff(first=_FIRST_WAIT, longest=_LONGEST_WAIT)
        failed: dict[str, Failure] = {}
        pending = events
        while pending:
            answer = await self._write_once(sink, pending, until)
            failed |= answer
            if any(failure.kind is FailureKind.FATAL for failure in answer.values()):
                break
            pending = [
                event
                for event in pending
                if event.event_id in answer and answer[event.event_id].kind is FailureKind.RETRYABLE
            ]
            if not (pending and await self._wait_to_retry(backoff, until)):
                break
            for event in pending:
                del failed[event.event_id]
        return failed

    async def _write_once(
        self, sink: Sink, events: Sequence[Delivery], until: float
    ) -> Mapping[str, Failure]:
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                return await sink.write(events)
        except TimeoutError:
            # Some events may have been written, but none is confirmed, so none is acked.
            return dict.fromkeys((event.event_id for event in events), _OUT_OF_TIME)
        except Exception as error:  # noqa: BLE001 - a bug in one write must not end the others
            bug = unexpected_failure(error, f"a write by {type(sink).__name__}")
            return dict.fromkeys((event.event_id for event in events), bug)

    async def _ack(self, deliveries: Sequence[Delivery], until: float) -> Sequence[Failure | None]:
        backoff = Backoff(first=_FIRST_WAIT, longest=_LONGEST_WAIT)
        results: list[Failure | None] = [
            None if delivery.ack_info else _NO_HANDLE for delivery in deliveries
        ]
        pending = [index for index, failure in enumerate(results) if failure is None]
        failures = [0] * len(deliveries)
        while pending:
            answers = await self._ack_paced([deliveries[index] for index in pending], until)
            throttled: list[int] = []
            failed: list[int] = []
            for index, answer in zip(pending, answers, strict=True):
                # Keep the server's earlier failure if only the retry ran out of time.
                if answer is not _OUT_OF_TIME or results[index] is None:
                    results[index] = answer
                if answer is not None and answer.kind is FailureKind.THROTTLED:
                    throttled.append(index)
                elif answer is not None and answer.kind is FailureKind.RETRYABLE:
                    failures[index] += 1
                    if failures[index] < _ACK_ATTEMPTS:
                        failed.append(index)
            if failed and not await self._wait_to_retry(backoff, until):
                failed.clear()
            pending = sorted(throttled + failed)
        return results

    async def _ack_paced(
        self, deliveries: Sequence[Delivery], until: float
    ) -> Sequence[Failure | None]:
        """Ack each delivery once, at the pace that the server allows."""
        answers: list[Failure | None] = []
        while rest := deliveries[len(answers) :]:
            now = self._clock()
            if count := self._ack_pace.grant(len(rest), now, until):
                some = await self._ack_once(rest[:count], until)
                throttled = sum(
                    answer is not None and answer.kind is FailureKind.THROTTLED for answer in some
                )
                self._ack_pace.answered(
                    confirmed=some.count(None), throttled=throttled, now=self._clock()
                )
                answers += some
            elif now + self._ack_pace.wait_seconds(now) < until:
                with self._ack_pace.waiting(len(rest), until):
                    await asyncio.sleep(self._ack_pace.wait_seconds(now))
            else:
                answers += [_OUT_OF_TIME] * len(rest)
        return answers

    async def _ack_once(
        self, deliveries: Sequence[Delivery], until: float
    ) -> Sequence[Failure | None]:
        try:
            token = self._authorization.token()
        except DrainError as error:
            return [_no_token(error)] * len(deliveries)
        try:
            answers = await self._acker.ack(
                deliveries, token=token, timeout_seconds=max(0.0, until - self._clock())
            )
        except Exception as error:  # noqa: BLE001 - a bug in one ack must not end the others
            return [unexpected_failure(error, "an ack")] * len(deliveries)
        rejections = [each for each in answers if each and each.kind is FailureKind.TOKEN_REJECTED]
        if not rejections:
            return answers
        renewal = await self._renew(token, until, rejections[0])
        return [
            renewal if answer and answer.kind is FailureKind.TOKEN_REJECTED else answer
            for answer in answers
        ]

    async def _renew(self, rejected: str | None, until: float, rejection: Failure) -> Failure:
        """Renew the token; return the failure of the rejected acks, retryable if it succeeded."""
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                is_renewed = await asyncio.to_thread(self._authorization.renew, rejected)
        except TimeoutError:
            return _OUT_OF_TIME
        except DrainError as error:
            return _no_token(error)
        kind = FailureKind.RETRYABLE if is_renewed else FailureKind.FATAL
        if rejection.hint:  # a gateway's response, which need not be about the token
            return replace(rejection, kind=kind)
        cause = rejected_token()
        return Failure("UNAUTHENTICATED", cause.reason, kind, is_about_access=True, hint=cause.hint)

    async def _wait_to_retry(self, backoff: Backoff, until: float) -> bool:
        """Wait for the next attempt; return False immediately if it would miss the deadline."""
        wait = backoff.wait_seconds()
        if self._clock() + wait >= until:
            return False
        await asyncio.sleep(wait)
        return True


def _no_token(error: DrainError) -> Failure:
    return Failure(
        type(error).__name__,
        error.reason,
        FailureKind.FATAL,
        is_about_access=True,
        hint=error.hint,
    )
