"""A series of schedules, simulated in one process."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations

from tests.simulation.schedule import draw
from tests.simulation.simulate import simulate, virtual


@dataclass(slots=True)
class Totals:
    """What schedules have done.

    Attributes:
        counts: How many schedules, runs and events there were.
        seconds: Their virtual time.
        cpu_seconds: The processor's time.
        strikes: How often each fault struck.
        pairs: Faults that struck in one schedule.
        broken: The seed of the first schedule that broke a promise; None if none did.
    """

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    strikes: Counter[str] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    broken: int | None = None

    def add(self, other: Totals) -> None:
        """Add what later schedules have done."""
        self.counts += other.counts
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.strikes += other.strikes
        self.pairs |= other.pairs
        self.broken = other.broken


def simulate_series(seeds: range) -> Totals:
    """Simulate the schedules of seeds; stop at a violation."""
    began = time.process_time()
    totals = Totals()
    with virtual():
        for seed in seeds:
            world = simulate(draw(seed))
            events = len(world.schedule.events)
            totals.counts.update(schedules=1, runs=len(world.runs), events=events)
            totals.seconds += world.time
            totals.strikes.update(world.struck)
            totals.pairs.update(combinations(sorted(+world.struck), 2))
            if world.violations:
                totals.broken = seed
                break
    totals.cpu_seconds = time.process_time() - began
    return totals
