"""A run in the simulation: the engine's own Window, Pace, Batch and Report, in simulated time.

The loop is that of ``eventdrain.drain``. A commit takes the batch's CPU time, during which other
batches wait, then the latency of the sinks, then the CPU time and latency of the acks.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final, cast

from drainctl.plan import DAY, rules, throughput
from drainctl.plan.bill import Usage, sqs_requests
from eventdrain.drain import LAST_EVENTS, RECENT_SECONDS, Batch, EndReason, Pace, Report, Window

if TYPE_CHECKING:
    import simpy

    from eventdrain.events import Delivery
    from tests.plan_simulation.server import Parcel
    from tests.plan_simulation.simulate import World

_RESERVE: Final = timedelta(seconds=15)

_ACK_CPU: Final = 30e-6
"""CPU time of one ack, a fraction of that of an event."""


class Run:
    """One run, which starts in a phase."""

    def __init__(self, world: World, phase: str) -> None:
        self._world = world
        self._env = world.env
        self._phase = phase
        self._busy_until = 0.0
        self._wake = world.env.event()
        self._commits = 0
        self._acked = 0
        self._last: deque[tuple[float, float]] = deque(maxlen=max(1, LAST_EVENTS // world.size))
        share = world.parameters.share
        self._ack_cpu = _ACK_CPU / share
        cpu = throughput.cpu_per_event(world.parameters.events_per_message)
        self._write_cpu = (cpu - _ACK_CPU) / share

    def drain(self, *, is_warm: bool) -> simpy.events.ProcessGenerator:
        """Run; return the fields of the engine's report on which the next start depends."""
        parameters = self._world.parameters
        started = self._env.now
        window = Window.opening(
            started,
            length=timedelta(seconds=parameters.window),
            remaining=timedelta(seconds=parameters.window + rules.TIMEOUT_MARGIN_SECONDS),
            reserve=_RESERVE,
        )
        in_flight = parameters.max_in_flight // self._world.size
        self._pace = Pace(
            window,
            limit=max(1, parameters.max_events // self._world.size),
            idle=timedelta(seconds=parameters.idle),
            max_in_flight=in_flight * parameters.parallel_streams,
            streams=parameters.parallel_streams,
        )
        self._batch = Batch(max_in_flight=in_flight, linger=timedelta(seconds=parameters.linger))
        if not is_warm:
            yield self._env.timeout(throughput.cold_seconds(parameters))
        yield self._env.timeout(throughput.setup_seconds(parameters))
        self._connection = self._world.queue.connect(
            in_flight * parameters.parallel_streams, self._changed
        )
        self._pace.proven(self._env.now)
        reason = yield self._env.process(self._take_until_end())
        last_age = self._last_age()
        self._start_commit()
        while self._commits:
            yield self._next_change(math.inf)
        self._connection.close()
        self._world.counts.usage[self._phase] += Usage(runs=1, run_seconds=self._env.now - started)
        return Report(
            "simulated",
            end_reason=reason,
            acked=self._acked,
            last_events_age_seconds=last_age,
        )

    def _last_age(self) -> float:
        """Return the age as ``eventdrain.drain.Lag`` does for events; these are parcels."""
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
            self._pace.committing(len(self._batch))
            parcels = cast("list[Parcel]", self._batch.take())
            self._env.process(self._commit(parcels))

    def _commit(self, parcels: list[Parcel]) -> simpy.events.ProcessGenerator:
        parameters = self._world.parameters
        events = len(parcels) * self._world.size
        objects = len({parcel.came_at // DAY for parcel in parcels})
        calls = math.ceil(
            math.ceil(events / parameters.events_per_message) / rules.MESSAGES_PER_SQS_CALL
        )
        self._world.quotas.puts.add(self._env.now, objects)
        self._world.quotas.sqs_calls.add(self._env.now, calls)
        computed = self._computed_in(events * self._write_cpu)
        yield self._env.timeout(computed + throughput.write_seconds(self._world.latencies))
        for parcel in parcels:
            self._world.counts.archived[parcel.phase] += self._world.size
            self._world.counts.lags[parcel.phase].append(self._env.now - parcel.came_at)
        self._world.counts.usage[self._world.counts.phase] += Usage(
            events=events,
            objects=objects,
            sqs_requests=sqs_requests(events, parameters.events_per_message, calls),
        )
        self._pace.written(len(parcels))
        self._changed()
        computed = self._computed_in(events * self._ack_cpu)
        yield self._env.timeout(computed + self._world.latencies.ack)
        self._connection.ack(parcels)
        self._pace.settled(committed=len(parcels), left=0, now=self._env.now)
        self._acked += events
        self._commits -= 1
        self._changed()

    def _computed_in(self, seconds: float) -> float:
        """Return when the processor, after all earlier work, will have finished this work."""
        self._busy_until = max(self._busy_until, self._env.now) + seconds
        return self._busy_until - self._env.now

    def _changed(self) -> None:
        if not self._wake.triggered:
            self._wake.succeed()

    def _next_change(self, until: float) -> simpy.Event:
        """Return a simpy event for the next change, or for a time, whichever is first."""
        wake = self._wake = self._env.event()
        if until < math.inf:
            timer = self._env.timeout(max(0.0, until - self._env.now))
            timer.callbacks.append(lambda _: None if wake.triggered else _succeed(wake))
        return wake


def _succeed(event: simpy.Event) -> None:
    event.succeed()
