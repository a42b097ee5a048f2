from __future__ import annotations

import asyncio
import time
from typing import Final

import pytest

from tests import virtual_time
from tests.virtual_time import NothingLeftToWaitFor, Spinning, now, run

HOUR: Final = 3600.0


def test_waiting_takes_no_real_time() -> None:
    """A sleep of an hour moves the loop's clock by an hour and is over at once."""

    async def sleep() -> float:
        await asyncio.sleep(HOUR)
        return now()

    began = time.monotonic()
    assert run(sleep()) == pytest.approx(HOUR, abs=0.01)
    assert time.monotonic() - began < HOUR / 100


def test_timers_fire_in_order() -> None:
    """Whoever waits for a shorter time is woken first."""
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def sleep_all() -> None:
        await asyncio.gather(*(sleep(seconds) for seconds in (3.0, 1.0, 2.0)))

    run(sleep_all())

    assert woken == [1.0, 2.0, 3.0]


def test_thread_takes_the_time_it_is_given() -> None:
    """What is handed to a thread is done after the time that the test gave it, errors included."""

    def fail() -> None:
        raise ValueError("made up")

    async def use_threads() -> tuple[int, float]:
        result = await asyncio.to_thread(lambda: 7)
        with pytest.raises(ValueError, match="made up"):
            await asyncio.to_thread(fail)
        return result, now()

    result, took = run(use_threads(), seconds_in_thread=10.0)

    assert result == 7
    assert took == pytest.approx(20.0, abs=0.01)


def test_deadlock_is_told() -> None:
    """A wait for what can't happen fails instead of hanging."""

    async def wait_in_vain() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToWaitFor):
        run(wait_in_vain())


@pytest.mark.parametrize("yields", [True, False])
def test_spinning_is_told(monkeypatch: pytest.MonkeyPatch, *, yields: bool) -> None:
    """A loop without an end fails instead of hanging, even in a task that nobody waits for."""
    monkeypatch.setattr(virtual_time, "MOST_CPU_SECONDS", 0.1)

    async def spin() -> None:
        while True:
            if yields:
                await asyncio.sleep(0)

    async def leave_spinning() -> None:
        spinning = asyncio.create_task(spin())
        await asyncio.wait([spinning])

    with pytest.raises(Spinning):
        run(leave_spinning())
