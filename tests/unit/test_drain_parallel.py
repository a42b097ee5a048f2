"""A drain with several connections: they share pace, batches and limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventdrain.drain import EndReason, LeftReason
from tests.fakes import FakeAuthorization, FakeEventSource, FakeSink, Script
from tests.unit.drain_bench import IDLE, REFUSED, REJECTED, TURNS, DrainBench, burst


def test_connections_are_open_at_once() -> None:
    """They are opened together, not one after the other."""
    source = FakeEventSource(*[Script(opening_seconds=3.0)] * 3, parallel=3)

    DrainBench(source, parallel_streams=3).drain()

    assert max(source.connected_at) <= TURNS
    assert min(source.left_at) >= 3.0 + IDLE


def test_more_is_in_flight_the_more_connections_there_are() -> None:
    """While the sinks take their time, so many more events are held as there are connections."""
    source = FakeEventSource(
        *[Script([burst(200, first=200 * number)]) for number in range(3)],
        parallel=3,
    )
    slow = FakeSink(seconds=lambda _call: 1.0)
    bench = DrainBench(source, archive=slow, parallel_streams=3, max_in_flight=20)

    report = bench.drain()

    assert report.acked == 600
    # Batches of ten, as with one connection: six of them are under way at once, not two.
    assert slow.most_under_way == 6


def test_limit_is_that_of_all_connections() -> None:
    """Not one event more is committed, whichever connection it comes by."""
    source = FakeEventSource(
        *[Script([burst(50, first=50 * number)]) for number in range(2)], parallel=2
    )

    report = DrainBench(source, parallel_streams=2, limit=30).drain()

    assert (report.end_reason, report.committed, report.acked) == (EndReason.LIMIT, 30, 30)
    assert report.left[LeftReason.NOT_TAKEN] == report.received - 30


def test_not_idle_while_one_connection_brings_events() -> None:
    """The quiet of one connection is no reason to end while another is lively."""
    lively = Script([burst(1, at=second * 4.0, first=second) for second in range(10)])
    source = FakeEventSource(lively, Script(), parallel=2)
    bench = DrainBench(source, parallel_streams=2)

    report = bench.drain()

    assert (report.end_reason, report.acked) == (EndReason.IDLE, 10)
    assert bench.took >= 36.0 + IDLE


def test_idle_though_one_connection_keeps_breaking() -> None:
    """A connection that is opened again and again does not keep a run from ending."""
    breaking = [Script(ends_at=0.1)] * 60
    source = FakeEventSource(Script(), *breaking, parallel=2)
    bench = DrainBench(source, parallel_streams=2)

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert bench.took <= IDLE + 1.0


def test_refused_connection_fails_the_run_after_the_others_are_through() -> None:
    """What the other connection brings is drained to its end; then the run fails, and says why."""
    source = FakeEventSource(
        Script(refused_with=REFUSED),
        Script([burst(5, at=2.0), burst(5, at=4.0, first=5)]),
        parallel=2,
    )
    bench = DrainBench(source, parallel_streams=2)

    report = bench.drain()

    assert (report.end_reason, report.error) == (EndReason.FAILED, str(REFUSED))
    assert report.acked == 10
    assert bench.took >= 4.0 + IDLE


def test_all_connections_refused_end_the_run_at_once() -> None:
    """Where none is let in there is nothing to wait for."""
    source = FakeEventSource(*[Script(refused_with=REFUSED)] * 2, parallel=2)
    bench = DrainBench(source, parallel_streams=2)

    assert bench.drain().error == str(REFUSED)
    assert bench.took <= TURNS


def test_token_is_renewed_once_for_all_connections() -> None:
    """Several connections that are rejected at once share one renewal."""
    source = FakeEventSource(
        *[Script(refused_with=REJECTED)] * 2,
        *[Script([burst(5, first=5 * number)]) for number in range(2)],
        parallel=2,
    )
    authorization = FakeAuthorization()
    bench = DrainBench(source, authorization=authorization, parallel_streams=2)

    report = bench.drain()

    assert (report.end_reason, report.acked) == (EndReason.IDLE, 10)
    assert authorization.renewals == 1


@given(st.data())
def test_nothing_is_lost_or_acked_early_whatever_the_connections_do(data: st.DataObject) -> None:
    """However arrivals and breaks fall on the connections, all that came is acked once written."""
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
