"""The commit: the only door to durability, and the only place that acks.

A batch is written to all sinks side by side; then the deliveries are acked whose event every sink
has. The worst result of all sinks is the event's result: an event that the queue failed to take is
not acked although the archive has it, and is delivered again.
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
from eventdrain.errors import DrainError, Failure, FailureKind, not_accepted, unexpected_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from eventdrain.events import Delivery
    from eventdrain.ports import Acker, Authorization, Sink

_FIRST_WAIT: Final = timedelta(milliseconds=200)
_LONGEST_WAIT: Final = timedelta(seconds=5)
_ACK_SECONDS: Final = 2.0
_ACK_ATTEMPTS: Final = 5
"""Some three seconds in all. A sink is waited for as long as the window allows, for its outage
would only come again with the next batch; an ack that the server keeps refusing is one event's
trouble, and that event comes again. Acks that are too many at a time are no failed attempts."""

_NO_HANDLE: Final = Failure(
    code="NoAckInfo",
    message="the server gave no ack_info with a delivery, so it can't be acked",
    kind=FailureKind.EVENT_REJECTED,
)
_OUT_OF_TIME: Final = Failure(
    code="OutOfTime",
    message="the window ended before there was an answer",
    kind=FailureKind.EVENT_REJECTED,
)


class Commit:
    """Commits batches; several may be under way at once.

    Args:
        sinks: Where batches are written, by the names that failures and reports have; the first is
            the archive, which pointers in the other sinks point to.
        acker: Acknowledges at the event server.
        authorization: The token for acks; renewed once, if the server does not accept it.
        ack_timeout: After which the server sends an unacked event again.
        clock: Seconds; the clock that ``until`` is given by.
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

    async def __call__(self, deliveries: Sequence[Delivery], *, until: float) -> Outcome:
        """Write a batch to all sinks and ack what all of them have.

        Retryable failures are retried, with growing, jittered waits.

        Args:
            deliveries: The batch. Two deliveries of one event are written once and both acked.
            until: Nothing is waited for from this moment on.

        Returns:
            The outcome. Never raises for what a service answers.
        """
        plain = [delivery for delivery in deliveries if delivery.pointer is None]
        pointing = [delivery for delivery in deliveries if delivery.pointer is not None]
        outcome = Outcome()
        await asyncio.gather(
            self._commit(plain, until, outcome, is_pointing=False),
            self._commit(pointing, until, outcome, is_pointing=True),
        )
        return outcome

    async def _commit(
        self, deliveries: Sequence[Delivery], until: float, outcome: Outcome, *, is_pointing: bool
    ) -> None:
        # An ack that comes later is for an event that was sent again.
        ack_until = min(until, self._clock() + self._ack_seconds)
        distinct: dict[str, Delivery] = {}
        for delivery in deliveries:
            distinct.setdefault(delivery.event_id, delivery)
        events = list(distinct.values())
        # A sink that hangs to the end must leave time to ack what it has.
        write_until = until - min(_ACK_SECONDS, (until - self._clock()) / 4)
        archive, *others = self._sinks
        if is_pointing:
            # Only once it is in the archive is there what the messages point to.
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
        for failure in await self._ack(durable, ack_until):
            if failure is None:
                outcome.acked += 1
            else:
                outcome.leave(LeftReason.ACK, failure)

    async def _write_all(
        self, names: Iterable[str], events: Sequence[Delivery], until: float
    ) -> dict[str, Mapping[str, Failure]]:
        """Write events to some sinks side by side; return each sink's failures by event id."""
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
            if not (pending and await self._may_try_again(backoff, until)):
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
            # Some of them may have been written. None is known to be, so none is acked.
            return dict.fromkeys((event.event_id for event in events), _OUT_OF_TIME)
        except Exception as error:  # noqa: BLE001 - a bug in one write is not the end of others
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
                # That there was no time to try again is not why the server refused it before.
                if answer is not _OUT_OF_TIME or results[index] is None:
                    results[index] = answer
                if answer is not None and answer.kind is FailureKind.THROTTLED:
                    throttled.append(index)
                elif answer is not None and answer.kind is FailureKind.RETRYABLE:
                    failures[index] += 1
                    if failures[index] < _ACK_ATTEMPTS:
                        failed.append(index)
            if failed and not await self._may_try_again(backoff, until):
                failed.clear()
            pending = sorted(throttled + failed)
        return results

    async def _ack_paced(
        self, deliveries: Sequence[Delivery], until: float
    ) -> Sequence[Failure | None]:
        """Ack each delivery once, as many at a time as the server takes."""
        answers: list[Failure | None] = []
        while rest := deliveries[len(answers) :]:
            now = self._clock()
            if count := self._ack_pace.grant(len(rest), now):
                some = await self._ack_once(rest[:count], until)
                throttled = sum(
                    answer is not None and answer.kind is FailureKind.THROTTLED for answer in some
                )
                self._ack_pace.answered(
                    confirmed=some.count(None), throttled=throttled, now=self._clock()
                )
                answers += some
            elif now + self._ack_pace.wait_seconds(now) < until:
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
        except Exception as error:  # noqa: BLE001 - a bug in one ack is not the end of others
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
        """Renew the token; what became of it is a failure that says whether to try again."""
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                is_renewed = await asyncio.to_thread(self._authorization.renew, rejected)
        except TimeoutError:
            return _OUT_OF_TIME
        except DrainError as error:
            return _no_token(error)
        kind = FailureKind.RETRYABLE if is_renewed else FailureKind.FATAL
        if rejection.hint:  # a gateway's answer; it need not be about the token
            return replace(rejection, kind=kind)
        told = not_accepted()
        return Failure("UNAUTHENTICATED", told.reason, kind, is_about_access=True, hint=told.hint)

    async def _may_try_again(self, backoff: Backoff, until: float) -> bool:
        """Wait for the next attempt; False, without waiting, if it would come too late."""
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
