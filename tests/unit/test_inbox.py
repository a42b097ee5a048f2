from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import pytest

from eventdrain.drain import Inbox
from tests.deliveries import RECEIVED_AT
from tests.virtual_time import now, run

LATER: Final = RECEIVED_AT + timedelta(seconds=1)


def inbox(size: int = 3) -> Inbox:
    """Make an empty inbox."""
    return Inbox(size, on_arrival=lambda: None)


async def waits_for_room(full: Inbox) -> bool:
    """Tell whether somebody who waits for room is still waiting after a while."""
    try:
        async with asyncio.timeout(100.0):
            await full.has_room()
    except TimeoutError:
        return True
    return False


def test_oldest_first() -> None:
    """Messages leave in the order in which they came, each with the time of its arrival."""

    async def put_and_take() -> None:
        filled = inbox()
        filled.put([b"a", b"b"], RECEIVED_AT)
        filled.put([b"c"], LATER)

        assert len(filled) == 3
        taken = [filled.take() for _ in range(3)]
        assert taken == [(b"a", RECEIVED_AT), (b"b", RECEIVED_AT), (b"c", LATER)]
        assert not filled

    run(put_and_take())


def test_arrival_is_told() -> None:
    """Whoever waits for messages is told when they are there."""
    held: list[int] = []

    async def put() -> None:
        filled = Inbox(3, on_arrival=lambda: held.append(len(filled)))
        filled.put([b"a", b"b"], RECEIVED_AT)
        filled.put([b"c"], RECEIVED_AT)

    run(put())

    assert held == [2, 3]


@pytest.mark.parametrize(("count", "waits"), [(0, False), (2, False), (3, True), (7, True)])
def test_room(count: int, *, waits: bool) -> None:
    """There is room below the size; what came at once was put in whole, whatever its size."""

    async def fill() -> bool:
        filled = inbox(3)
        filled.put([b"a"] * count, RECEIVED_AT)
        assert len(filled) == count
        return await waits_for_room(filled)

    assert run(fill()) is waits


def test_room_comes_with_the_taking() -> None:
    """Who waits for room goes on when enough is taken, and not with the first that is."""

    async def take_one_each_second() -> float:
        filled = inbox(3)
        filled.put([b"a"] * 5, RECEIVED_AT)

        async def take() -> None:
            while filled:
                await asyncio.sleep(1.0)
                filled.take()

        taking = asyncio.create_task(take())
        await filled.has_room()
        had_room_at = now()
        await taking
        return had_room_at

    assert run(take_one_each_second()) == pytest.approx(3.0, abs=0.01)


def test_closed_has_no_room() -> None:
    """Once it is closed nobody puts more into it, also when all of it is taken."""

    async def close() -> bool:
        filled = inbox(3)
        filled.put([b"a"] * 3, RECEIVED_AT)
        filled.close()
        waiting = asyncio.create_task(waits_for_room(filled))
        await asyncio.sleep(1.0)
        while filled:
            filled.take()
        return await waiting

    assert run(close())
