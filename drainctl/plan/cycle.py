"""The runs of one stream at one rate: their number, durations and batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from drainctl.plan import rules
from drainctl.plan.demand import DAY
from drainctl.plan.flow import Flow, Turn

if TYPE_CHECKING:
    from drainctl.plan.measured import Latencies
    from drainctl.plan.parameters import Parameters

_NEARLY: Final = 0.99


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """The intervals of a schedule at one rate.

    Attributes:
        flow: Events and runs.
        turns: The sequence of intervals that repeats.
    """

    flow: Flow
    turns: tuple[Turn, ...]

    @classmethod
    def at(cls, per_second: float, parameters: Parameters, latencies: Latencies) -> Cycle:
        """Return the cycle of one stream at a rate."""

        def of(overlap: float) -> Cycle:
            flow = Flow(
                parameters=parameters,
                latencies=latencies,
                per_second=per_second,
                readers=parameters.concurrent_runs * overlap,
            )
            return cls(flow=flow, turns=flow.turns())

        alone = of(1.0)
        if parameters.window > parameters.interval and not alone.gap:
            return of(parameters.window / parameters.interval)
        return alone

    @classmethod
    def without_gap(cls, per_second: float, parameters: Parameters, latencies: Latencies) -> Cycle:
        """Return the cycle of a process that reads continuously."""
        flow = Flow(parameters=parameters, latencies=latencies, per_second=per_second, readers=1.0)
        return cls(flow=flow, turns=(Turn(0.0, 0.0, 0.0, parameters.interval, 1),))

    @property
    def keeps_up(self) -> bool:
        """Whether runs drain events as fast as they arrive, with one chain of runs at a time."""
        flow = self.flow
        longest = max(turn.links for turn in self.turns)
        if flow.spare <= 0 or longest == 1:
            return flow.spare > 0
        length = longest * (flow.window + flow.lost)
        return longest <= flow.parameters.backlog_runs + 1 and length <= flow.parameters.interval

    @cached_property
    def gap(self) -> float:
        """The mean time per interval in which nothing is read, in seconds."""
        return sum(turn.gap for turn in self.turns) / len(self.turns)

    @property
    def longest_gap(self) -> float:
        """The longest gap of a day, in seconds. It follows the run that ended earliest."""
        interval = self.flow.parameters.interval
        if not self.gap:
            return 0.0
        if len(self.turns) > 1:  # the first chain followed a single run
            return interval - self.flow.window
        (turn,) = self.turns
        soonest = self.flow.pauses_after(turn.catching_up).soonest(DAY / interval)
        return max(turn.gap, interval - turn.catching_up - soonest)

    @property
    def behind(self) -> float:
        """The greatest age of a waiting event at the end of an interval's runs, in seconds.

        A chain of runs ends when its last events are younger than ``rules.BEHIND_SECONDS``, by
        however little.
        """
        behind = max(turn.behind_after for turn in self.turns)
        return max(behind, rules.BEHIND_SECONDS) if len(self.turns) > 1 else behind

    @property
    def may_reach_window(self) -> bool:
        """Whether some runs of a day read until the end of their window."""
        if len(self.turns) > 1:
            return True
        pauses = self.flow.pauses_after(self.turns[0].catching_up)
        return pauses.may_never_come(DAY / self.flow.parameters.interval)

    @property
    def runs(self) -> float:
        """The mean number of runs per interval."""
        links = sum(turn.links for turn in self.turns) / len(self.turns)
        return self.flow.parameters.concurrent_runs * links

    @property
    def run_seconds(self) -> float:
        """The mean billed seconds per interval, of all runs."""
        flow = self.flow
        reading = sum(turn.reading for turn in self.turns) / len(self.turns)
        around = flow.start
        if reading >= flow.window * _NEARLY:
            around += min(flow.commit_seconds, flow.parameters.linger)
        return self.runs * around + flow.parameters.concurrent_runs * reading

    @property
    def events(self) -> float:
        """The mean number of events per interval."""
        return self.flow.per_second * self.flow.parameters.interval

    def _live_batches(self, seconds: float) -> float:
        """Return the mean number of batches of live events that a reader begins in a time.

        A batch begins with an event that arrives while there is no other, so the batches are a
        renewal process, whose first interval has no linger.
        """
        rate, linger = self.flow.per_second / self.flow.readers, self.flow.parameters.linger
        mean = linger + 1 / rate
        begun = seconds / mean
        if self.gap:
            square = linger**2 + 2 * linger / rate + 2 / rate**2
            begun += square / (2 * mean**2) - 1 / rate / mean
        return max(rate / self.flow.parameters.max_in_flight * seconds, min(rate * seconds, begun))

    @property
    def batches(self) -> list[tuple[float, float]]:
        """Pairs of a number of batches per interval and the number of events per batch."""
        flow, parameters = self.flow, self.flow.parameters
        catching_up = sum(turn.catching_up for turn in self.turns) / len(self.turns)
        backlog = min(self.events, flow.per_second * (self.gap + catching_up))
        found: list[tuple[float, float]] = []
        of_one, batch = backlog / flow.readers, parameters.max_in_flight
        if of_one > batch:
            found.append((flow.readers * (of_one / batch - 0.5), float(batch)))
            found.append((flow.readers, batch / 2))
        elif backlog > 0:
            count = flow.readers * -math.expm1(-of_one)
            found.append((count, backlog / count))
        live = self.events - backlog
        if live > 0:
            count = flow.readers * self._live_batches(live / flow.per_second)
            found.append((count, live / count))
        return found
