"""Simulates a schedule."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch

from tests.simulation.checker import check_end
from tests.simulation.cloud import Cloud
from tests.simulation.machine import Lock, Spinning, Threads
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.schedule import Schedule

_OVERSIZE: int = 2_000


@contextmanager
def virtual() -> Iterator[None]:
    """Replace what the engine takes from its process: threads, locks, a clock, and its log."""
    logger = logging.getLogger("eventdrain")
    level, hook = logger.level, sys.unraisablehook
    clock = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    gc_enabled = gc.isenabled()
    logger.setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = lambda _: None
    gc.disable()
    try:
        with (
            patch("eventdrain.auth.minting.time", clock),
            patch("eventdrain.auth.tokens.Lock", Lock),
            patch("eventdrain.auth.run_token.Lock", Lock),
            patch("eventdrain.run.ThreadPoolExecutor", Threads),
            patch("eventdrain.events.pointer.MAX_LINE_BYTES", _OVERSIZE),
            patch("eventdrain.events.queue_message.MAX_LINE_BYTES", _OVERSIZE),
            patch("eventdrain.replay.replay._MAX_SLICE", 4),
            patch("eventdrain.replay.replay._MIN_SLICE", 2),
        ):
            yield
    finally:
        gc.collect()  # killed runs are collected here, and log and raise whatever they like
        logger.setLevel(level)
        sys.unraisablehook = hook
        if gc_enabled:
            gc.enable()


def simulate(schedule: Schedule, *, is_traced: bool = False) -> World:
    """Simulate a schedule within ``virtual()``; return the world with its violations."""
    random.seed(schedule.seed)
    world = World(schedule, is_traced=is_traced)
    cloud = Cloud(world)
    try:
        world.machine.run(cloud.live())
    except (Spinning, RuntimeError) as error:
        world.violate(f"{type(error).__name__}: {error}")
    else:
        check_end(cloud)
    world.machine.close()
    return world
