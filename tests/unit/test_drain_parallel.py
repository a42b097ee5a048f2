"""A drain with several connections, which share pace, batches and limit."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.drain import EndReason, LeftReason
from tests.fakes import FakeEventSource, FakeSink, Script
from tests.unit.drain_bench import IDLE, REFUSED, REJECTED, TURNS, DrainBench, burst, trickle

REFUSING: Final = Script(refused_with=REFUSED)
REJECTING: Final = Script(refused_with=REJECTED)
FIVE: Final = (Script([burst(5)]), Script([burst(5, first=5)]))


@pytest.mark.parametrize(
    ("scripts", "end_reason", "acked", "least_seconds", "most_seconds"),
    [
        # Opened together, not one after the other.
        ([Script(opening_seconds=3.0)] * 2, "idle", 0, 3.0 + IDLE, 3.0 + IDLE),
        # One quiet connection doesn't end the drain while another is busy.
        ([trickle(10, every=4.0), Script()], "idle", 10, 36.0 + IDLE, 37.0 + IDLE),
        ([Script(), *[Script(ends_at=0.1)] * 60], "idle", 0, IDLE, IDLE + 1.0),
        # The other connection is drained before the run fails.
        ([REFUSING, trickle(5, every=1.0)], "failed", 5, 4.0 + IDLE, 60.0),
        ([REFUSING, REFUSING], "failed", 0, 0.0, 0.0),
        ([REJECTING, REJECTING, *FIVE], "idle", 10, 0.0, 60.0),
    ],
    ids=["opened together", "one lively", "one breaks", "one refused", "refused", "rejected"],
)
def test_two_connections(
    scripts: list[Script],
    end_reason: str,
    acked: int,
    least_seconds: float,
    most_seconds: float,
) -> None:
    """A drain with two connections ends when both are idle."""
    bench = DrainBench(FakeEventSource(*scripts, parallel=2), parallel_streams=2)
    report = bench.drain()
    assert (report.end_reason, report.acked) == (EndReason(end_reason), acked)
    assert report.error == (str(REFUSED) if end_reason == "failed" else None)
    assert least_seconds - TURNS <= bench.took <= most_seconds + TURNS
    assert bench.authorization.renewals == scripts.count(REJECTING) // 2, "one for both"


def test_limit_is_that_of_all_connections() -> None:
    """Exactly the limit is committed, over all connections."""
    source = FakeEventSource(*[Script([burst(50)]), Script([burst(50, first=50)])], parallel=2)
    report = DrainBench(source, parallel_streams=2, limit=30).drain()
    assert (report.end_reason, report.committed, report.acked) == (EndReason.LIMIT, 30, 30)
    assert report.left[LeftReason.NOT_TAKEN] == report.received - 30


def test_more_is_in_flight_the_more_connections_there_are() -> None:
    """With slow sinks, the number of events held is proportional to the connections."""
    source = FakeEventSource(
        *[Script([burst(200, first=200 * number)]) for number in range(3)],
        parallel=3,
    )
    slow = FakeSink(seconds=lambda _call: 1.0)
    bench = DrainBench(source, archive=slow, parallel_streams=3, max_in_flight=20)
    report = bench.drain()
    assert report.acked == 600
    # Batches of twenty, as with one connection: three of them are under way at once, not one.
    assert slow.most_under_way == 3


@given(st.data())
def test_nothing_is_lost_or_acked_early_whatever_the_connections_do(data: st.DataObject) -> None:
    """For any arrivals and breaks, all events are acked, and only after they are written."""
    parallel = data.draw(st.integers(1, 4))
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=parallel, max_size=8))
    scripts = []
    first = 0
    for size in sizes:
        at = data.draw(st.sampled_from([0.0, 0.2, 3.0]))
        ends_at = data.draw(st.sampled_from([None, 3.5]))
        scripts.append(Script([burst(size, at=at, first=first)], ends_at=ends_at))
        first += size
    source = FakeEventSource(*scripts, parallel=parallel)
    bench = DrainBench(source, parallel_streams=parallel)

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert report.acked == report.received == source.handed_over
