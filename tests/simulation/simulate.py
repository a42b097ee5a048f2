"""Simulates schedules: one, or a series in one process."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import sys
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from tests.simulation.checker import LEAK, check_end
from tests.simulation.cloud import Cloud
from tests.simulation.machine import Lock, Threads
from tests.simulation.schedule import Schedule, draw
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

_OVERSIZE: Final = 2_000


class _Leaks(logging.Handler):
    """Finds log lines with personal data or a secret, and adds them to a list."""

    lines: list[str]

    def emit(self, record: logging.LogRecord) -> None:
        """Look into a record."""
        if LEAK.search(line := self.format(record)):
            self.lines.append(line)


_LEAKS: Final = _Leaks()


@contextmanager
def virtual() -> Iterator[None]:
    """Replace what the engine takes from its process: threads, locks, a clock, and its log."""
    logger = logging.getLogger("eventdrain")
    level = logger.level
    clock = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    with (
        patch("eventdrain.auth.minting.time", clock),
        patch("eventdrain.auth.tokens.Lock", Lock),
        patch("eventdrain.auth.run_token.Lock", Lock),
        patch("eventdrain.run.ThreadPoolExecutor", Threads),
        patch("eventdrain.events.pointer.MAX_LINE_BYTES", _OVERSIZE),
        patch("eventdrain.events.queue_message.MAX_LINE_BYTES", _OVERSIZE),
        patch("eventdrain.replay.replay._MAX_SLICE", 4),
        patch("eventdrain.replay.replay._MIN_SLICE", 2),
        patch.object(logger, "handlers", [_LEAKS]),
        patch.object(logger, "propagate", new=False),
        patch.object(sys, "unraisablehook", lambda _: None),
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),
    ):
        logger.setLevel(logging.INFO)
        gc.disable()
        try:
            yield
        finally:
            gc.collect()  # killed runs are collected here, and log, warn and raise as they like
            gc.enable()
            logger.setLevel(level)


def simulate(schedule: Schedule, *, is_traced: bool = False) -> World:
    """Simulate a schedule within ``virtual()``; return the world with its violations."""
    random.seed(schedule.seed)
    world = World(schedule, is_traced=is_traced)
    _LEAKS.lines = world.leaks
    cloud = Cloud(world)
    try:
        world.machine.run(cloud.live())
    except RuntimeError as error:
        world.violate(str(error))
    else:
        check_end(cloud)
    world.machine.close()
    return world


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
