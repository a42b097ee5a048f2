from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests import virtual_time
from tests.virtual_time import NothingLeftToWaitFor, Spinning, now, run

HOUR: Final = 3600.0


def test_waits_and_threads_take_virtual_time() -> None:
    """Waits take virtual time only; so does a thread, as much as the test gave it."""

    def fail() -> None:
        raise ValueError("made up")

    async def use_threads() -> tuple[int, float]:
        await asyncio.sleep(HOUR)
        result = await asyncio.to_thread(lambda: 7)
        with pytest.raises(ValueError, match="made up"):
            await asyncio.to_thread(fail)
        return result, now()

    result, took = run(use_threads(), seconds_in_thread=10.0)
    assert result == 7
    assert took == pytest.approx(HOUR + 20.0, abs=0.01)


def test_deadlock_is_reported() -> None:
    """A wait for what can't happen fails instead of hanging."""

    async def wait_in_vain() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToWaitFor):
        run(wait_in_vain())


@pytest.mark.parametrize("yields", [True, False])
def test_spinning_is_reported(monkeypatch: pytest.MonkeyPatch, *, yields: bool) -> None:
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
