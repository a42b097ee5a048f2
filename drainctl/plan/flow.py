"""The flow of one stream's events through its runs at one rate: capacity, gaps, catching up.

An interval begins with a gap, in which nothing is read. Then runs read the events of the gap and
live events, until no event arrives for the idle limit or the window ends. If a run is behind when
its window ends, the next run follows at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from drainctl.plan import rules, throughput
from drainctl.plan.pauses import Pauses

if TYPE_CHECKING:
    from drainctl.plan.measured import Latencies
    from drainctl.plan.parameters import Parameters

HANDOVER_SECONDS: Final = 0.1
"""The assumed time from the end of a run to the start of its backlog run."""

_ROUNDS: Final = 14
_TURNS: Final = 12


@dataclass(frozen=True, slots=True)
class Turn:
    """One interval. All times are in seconds.

    Attributes:
        gap: The time in which nothing is read.
        behind: The age of the oldest waiting event at the start of the gap.
        catching_up: The time until the runs have caught up, or until their end if they do not.
        reading: The time in which the runs read.
        links: The length of each chain of successive runs.
        behind_after: The age of the oldest waiting event at the end of the runs.
    """

    gap: float
    behind: float
    catching_up: float
    reading: float
    links: int
    behind_after: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Events and runs of one stream.

    Attributes:
        parameters: The stack's parameters.
        latencies: The services' latencies.
        per_second: The event rate.
        readers: The number of concurrent runs, including those of overlapping starts.
    """

    parameters: Parameters
    latencies: Latencies
    per_second: float
    readers: float

    @cached_property
    def capacity(self) -> float:
        """The events per second that all readers together can drain."""
        return throughput.per_second(self.parameters, self.latencies) * self.readers

    @cached_property
    def start(self) -> float:
        """The seconds from the start of a warm run to its open stream."""
        return throughput.setup_seconds(self.parameters)

    @cached_property
    def window(self) -> float:
        """The maximum time for which a run reads, in seconds. Its window begins at its start."""
        return self.parameters.window - self.start

    @cached_property
    def commit_seconds(self) -> float:
        """The seconds that the last commits of a run take, with all events in flight."""
        parameters = self.parameters
        cpu = throughput.cpu_per_event(parameters.events_per_message) / parameters.share
        events = parameters.max_in_flight * parameters.parallel_streams
        write = throughput.write_seconds(self.latencies)
        return write + self.latencies.ack + cpu * events

    @cached_property
    def lost(self) -> float:
        """The seconds without reading between a run and its successor in a chain."""
        return self.commit_seconds + HANDOVER_SECONDS + self.start

    @cached_property
    def spare(self) -> float:
        """The capacity that is left for waiting events, in events per second."""
        return self.capacity - self.per_second * (1 + self.lost / self.window)

    @property
    def _settling(self) -> float:
        """The seconds that a small commit takes."""
        return throughput.write_seconds(self.latencies) + self.latencies.ack

    def pauses_after(self, catching_up: float) -> Pauses:
        """Return the pauses that a run sees after it has caught up in ``catching_up`` seconds.

        The idle time starts at the last event. A commit that has begun by its end is waited for.
        """
        quiet: float = self.parameters.idle
        if self.parameters.linger < quiet:
            quiet = max(quiet, self.parameters.linger + self._settling)
        left = max(0.0, self.window - catching_up)
        return Pauses(self.per_second / self.readers, quiet, left)

    def turns(self) -> tuple[Turn, ...]:
        """Return the sequence of intervals that repeats; a single one if all are equal."""
        turn = self._settled()
        if not turn.behind_after and turn.links == 1:
            return (turn,)
        # A long chain of runs leaves a short gap, and a short gap leads to a short chain.
        turns = [turn]
        for _ in range(_TURNS):
            turns.append(self._after(turns[-1]))
        return tuple(turns[_TURNS // 2 :])

    def _settled(self) -> Turn:
        """Return the interval with one run, whose gap and reading time depend on each other."""
        reading = self.window
        turn = Turn(0.0, 0.0, 0.0, reading, 1)
        for _ in range(_ROUNDS):
            turn = self._turn(max(0.0, self.parameters.interval - reading), 0.0)
            if turn.behind_after or turn.links > 1:
                return turn
            pauses = self.pauses_after(turn.catching_up)
            live = pauses.mean
            if turn.gap:  # a run without events waits for no commit
                empty = math.exp(-pauses.per_second * (turn.gap + self.start))
                live -= empty * max(0.0, min(live, pauses.quiet - self.parameters.idle))
            reading = (reading + turn.catching_up + live) / 2
        return replace(turn, reading=reading)

    def _after(self, turn: Turn) -> Turn:
        """Return the next interval, whose gap is the time that the runs of this interval leave."""
        read_until = turn.links * (self.window + self.lost) - self.lost
        return self._turn(max(0.0, self.parameters.interval - read_until), turn.behind_after)

    def _turn(self, gap: float, behind: float) -> Turn:
        """Return an interval in which runs read until the end of their windows."""
        if not (gap or behind):
            return Turn(gap, behind, 0.0, self.window, 1)
        if self.spare <= 0:
            links = self.parameters.backlog_runs + 1
            return Turn(gap, behind, links * self.window, links * self.window, links, math.inf)
        waited = behind + (gap + self.start if gap else 0.0)
        needed = self.per_second * waited / self.spare
        bearable = rules.BEHIND_SECONDS * self.per_second / self.spare
        links = max(1, math.ceil((needed - bearable) / self.window))
        reading = links * self.window
        left = max(0.0, needed - reading) * self.spare / self.per_second
        return Turn(gap, behind, min(needed, reading), reading, links, left)
