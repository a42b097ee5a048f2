from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.drain import Batch
from tests.deliveries import line_delivery

LINGER: Final = timedelta(milliseconds=250)


def batch(max_in_flight: int = 200) -> Batch:
    """Make an empty batch."""
    return Batch(max_in_flight=max_in_flight, linger=LINGER)


@pytest.mark.parametrize("max_in_flight", [1, 2, 3, 200])
def test_due_at_what_may_be_in_flight(max_in_flight: int) -> None:
    """A batch is due with max_in_flight deliveries."""
    gathering = batch(max_in_flight)
    for _ in range(2):
        assert gathering.due_at is None
        assert gathering.room == max_in_flight
        for count in range(max_in_flight):
            assert not gathering.is_full
            assert not gathering.is_due(10.0 if count else 1e9), f"due with {count}"
            gathering.add(line_delivery(), 10.0)
        assert gathering.is_full
        assert gathering.is_due(10.0)
        gathering.take()


def test_due_after_the_linger_from_the_first() -> None:
    """The linger time counts from the first delivery."""
    gathering = batch()
    gathering.add(line_delivery(), 10.0)
    gathering.add(line_delivery(), 10.2)
    assert gathering.due_at == pytest.approx(10.25)
    assert not gathering.is_due(10.249)
    assert gathering.is_due(10.25)


@pytest.mark.parametrize(
    ("linger", "ages", "due_after"),
    [
        (5.0, [0.1], 5.0),
        (5.0, [5.1], 0.25),
        (5.0, [0.1, 5.1], 0.25),
        (5.0, [5.1, 0.1], 0.25),
        (0.1, [60.0], 0.1),
    ],
)
def test_event_that_has_waited_waits_no_longer(
    linger: float, ages: list[float], due_after: float
) -> None:
    """A long linger is for new events: one that waited at the server is committed soon."""
    gathering = Batch(max_in_flight=200, linger=timedelta(seconds=linger))
    for age in ages:
        received_at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=age)
        gathering.add(line_delivery(received_at=received_at), 10.0)
    assert gathering.due_at == pytest.approx(10.0 + due_after)


@pytest.mark.parametrize(
    ("max_in_flight", "held", "full_at"),
    [(4, 2, 4), (4, 3, 2), (4, 4, 4), (5, 3, 2), (2, 1, 2), (1, 1, 1)],
)
def test_batch_that_could_not_become_full(max_in_flight: int, held: int, full_at: int) -> None:
    """After a batch that was more than half full but not full, others have half the size."""
    gathering = batch(max_in_flight)
    for _ in range(held):
        gathering.add(line_delivery(), 10.0)
    gathering.take()
    assert gathering.room == full_at


def test_take_starts_anew() -> None:
    """After a take, size and linger time start again."""
    gathering = batch(max_in_flight=4)
    for moment in (10.0, 10.1):
        gathering.add(line_delivery(), moment)
    gathering.take()
    assert len(gathering) == 0
    assert not gathering.is_full
    assert gathering.due_at is None
    gathering.add(line_delivery(), 20.0)
    assert gathering.due_at == pytest.approx(20.25)
    assert not gathering.is_full


@given(
    st.integers(1, 200),
    st.lists(st.floats(0, 0.3), max_size=300),
)
def test_batches(max_in_flight: int, waits: list[float]) -> None:
    """Batches taken when due never exceed max_in_flight, and lose or reorder no delivery."""
    gathering = batch(max_in_flight)
    now = 0.0
    taken: list[list[str]] = []
    for index, wait in enumerate(waits):
        now += wait
        if gathering.is_due(now):
            taken.append([delivery.event_id for delivery in gathering.take()])
        gathering.add(line_delivery(str(index)), now)
        if gathering.is_full:
            assert gathering.is_due(now)
            taken.append([delivery.event_id for delivery in gathering.take()])
    taken.append([delivery.event_id for delivery in gathering.take()])
    assert max(map(len, taken)) <= max_in_flight
    assert [event_id for ids in taken for event_id in ids] == [str(i) for i in range(len(waits))]
