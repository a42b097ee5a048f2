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
        schedules: How many there were.
        runs: Their runs.
        events: Their events.
        seconds: Their virtual time.
        cpu_seconds: The processor's time.
        strikes: How often each fault struck.
        pairs: Faults that struck in one schedule.
        broken: The seed of the first schedule that broke a promise; None if none did.
    """

    schedules: int = 0
    runs: int = 0
    events: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    strikes: Counter[str] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    broken: int | None = None

    def add(self, other: Totals) -> None:
        """Add what later schedules have done."""
        self.schedules += other.schedules
        self.runs += other.runs
        self.events += other.events
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
            struck = sorted(+world.struck)
            totals.schedules += 1
            totals.runs += len(world.runs)
            totals.events += len(world.schedule.events)
            totals.seconds += world.time
            totals.strikes.update(world.struck)
            totals.pairs.update(combinations(struck, 2))
            if world.violations:
                totals.broken = seed
                break
    totals.cpu_seconds = time.process_time() - began
    return totals
