"""A run in the simulation: the engine's own Window, Pace, Batch and Report, in simulated time.

The loop is that of ``eventdrain.drain``. A commit takes the batch's CPU time, one batch after the
other; then the sinks' answer; then the CPU time and the answer of the acks.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final, cast

from drainctl.plan import rules, throughput
from drainctl.plan.bill import Usage, sqs_requests
from drainctl.plan.demand import DAY
from eventdrain.drain import LAST_EVENTS, RECENT_SECONDS, Batch, EndReason, Pace, Report, Window

if TYPE_CHECKING:
    import simpy

    from drainctl.plan.measured import Latencies
    from drainctl.plan.parameters import Parameters
    from eventdrain.events import Delivery
    from tests.simulation.books import Reconciliation
    from tests.simulation.event_queue import EventQueue
    from tests.simulation.parcels import Parcel
    from tests.simulation.services import Quotas

_RESERVE: Final = timedelta(seconds=15)

_ACK_CPU: Final = 30e-6
"""CPU time of one ack, a part of that of an event."""


class Run:
    """One run.

    Args:
        env: The simulation.
        parameters: Of the stack.
        latencies: Of the services.
        parcel_size: Events in a parcel.
        queue: Of the server.
        quotas: Of the services.
        books: What happens is written there.
        phase: The phase in which it starts.
    """

    def __init__(
        self,
        env: simpy.Environment,
        *,
        parameters: Parameters,
        latencies: Latencies,
        parcel_size: int,
        queue: EventQueue,
        quotas: Quotas,
        books: Reconciliation,
        phase: str,
    ) -> None:
        self._env = env
        self._parameters = parameters
        self._latencies = latencies
        self._size = parcel_size
        self._queue = queue
        self._quotas = quotas
        self._books = books
        self._phase = phase
        self._busy_until = 0.0
        self._wake = env.event()
        self._commits = 0
        self._acked = 0
        self._last: deque[tuple[float, float]] = deque(maxlen=max(1, LAST_EVENTS // parcel_size))
        cpu = throughput.cpu_per_event(parameters.events_per_message)
        self._ack_cpu = _ACK_CPU / parameters.share
        self._write_cpu = (cpu - _ACK_CPU) / parameters.share

    def drain(self, *, is_warm: bool) -> simpy.events.ProcessGenerator:
        """Run it.

        Returns:
            The engine's report, as far as the next start depends on it.
        """
        parameters = self._parameters
        started = self._env.now
        window = Window.opening(
            started,
            length=timedelta(seconds=parameters.window),
            remaining=timedelta(seconds=parameters.window + rules.TIMEOUT_MARGIN_SECONDS),
            reserve=_RESERVE,
        )
        in_flight = parameters.max_in_flight // self._size
        self._pace = Pace(
            window,
            limit=max(1, parameters.max_events // self._size),
            idle=timedelta(seconds=parameters.idle),
            max_in_flight=in_flight * parameters.parallel_streams,
        )
        self._batch = Batch(max_in_flight=in_flight, linger=timedelta(seconds=parameters.linger))
        if not is_warm:
            yield self._env.timeout(throughput.cold_seconds(parameters))
        yield self._env.timeout(throughput.setup_seconds(parameters))
        self._connection = self._queue.connect(
            in_flight * parameters.parallel_streams, self._changed
        )
        self._pace.proven(self._env.now)
        reason = yield self._env.process(self._take_until_end())
        last_age = self._last_age()
        self._start_commit()
        while self._commits:
            yield self._next_change(math.inf)
        self._connection.close()
        self._books.ends[reason.value] += 1
        self._books.add(self._phase, Usage(runs=1, run_seconds=self._env.now - started))
        return Report(
            "simulated",
            end_reason=reason,
            acked=self._acked,
            last_events_age_seconds=last_age,
        )

    def _last_age(self) -> float:
        """Tell what ``eventdrain.drain.Lag`` would: its events have times, these are parcels."""
        now = self._env.now
        ages = [age for taken_at, age in self._last if now - taken_at <= RECENT_SECONDS]
        return median(ages) if ages else 0.0

    def _take_until_end(self) -> simpy.events.ProcessGenerator:
        while True:
            now = self._env.now
            reason = self._pace.end(now)
            if reason is not None and not (reason is EndReason.IDLE and self._connection.unread):
                return reason
            self._take(now)
            if self._batch.is_due(now) or self._pace.is_last:
                self._start_commit()
            due_at = self._batch.due_at
            ends_at = self._pace.ends_at
            yield self._next_change(ends_at if due_at is None else min(due_at, ends_at))

    def _take(self, now: float) -> None:
        unread = self._connection.unread
        while unread and self._pace.room > 0:
            parcel = unread.popleft()
            if not parcel.is_redelivered:
                self._last.append((now, parcel.delivered_at - parcel.came_at))
            self._pace.took(1, now)
            self._batch.add(cast("Delivery", parcel), now)
            if self._batch.is_full:
                self._start_commit()

    def _start_commit(self) -> None:
        if self._batch:
            self._commits += 1
            self._env.process(self._commit(cast("list[Parcel]", self._batch.take())))

    def _commit(self, parcels: list[Parcel]) -> simpy.events.ProcessGenerator:
        parameters = self._parameters
        events = len(parcels) * self._size
        objects = len({parcel.came_at // DAY for parcel in parcels})
        calls = math.ceil(
            math.ceil(events / parameters.events_per_message) / rules.MESSAGES_PER_SQS_CALL
        )
        self._quotas.put(objects)
        self._quotas.send(calls)
        computed = self._computed_in(events * self._write_cpu)
        yield self._env.timeout(computed + throughput.write_seconds(self._latencies))
        for parcel in parcels:
            self._books.archived[parcel.phase] += self._size
            self._books.lags[parcel.phase].append(self._env.now - parcel.came_at)
        self._books.add(
            self._books.phase,
            Usage(
                events=events,
                objects=objects,
                sqs_requests=sqs_requests(events, parameters.events_per_message, calls),
            ),
        )
        computed = self._computed_in(events * self._ack_cpu)
        yield self._env.timeout(computed + self._latencies.ack)
        self._connection.ack(parcels)
        self._pace.settled(committed=len(parcels), left=0, now=self._env.now)
        self._acked += events
        self._commits -= 1
        self._changed()

    def _computed_in(self, seconds: float) -> float:
        """Give in how long the processor has done something, after all that it was given before."""
        self._busy_until = max(self._busy_until, self._env.now) + seconds
        return self._busy_until - self._env.now

    def _changed(self) -> None:
        if not self._wake.triggered:
            self._wake.succeed()

    def _next_change(self, until: float) -> simpy.Event:
        """Give an event that something changes, or that it is so late."""
        wake = self._wake = self._env.event()
        if until < math.inf:
            timer = self._env.timeout(max(0.0, until - self._env.now))
            timer.callbacks.append(lambda _: None if wake.triggered else _succeed(wake))
        return wake


def _succeed(event: simpy.Event) -> None:
    event.succeed()
