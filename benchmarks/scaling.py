"""Measures how throughput grows with parallel streams and concurrent runs, and if one starves.

Each run is a process, as in separate Lambda environments; all share one durable queue. The event
server measures throughput, from the first event that it sends to the last ack, so the start of a
process doesn't count.

Server, sinks and runs share one machine. So there are two sets of latencies: those of the real
services, with which the processor saturates at some point, and ten times as long, with which runs
mostly wait, so the processor hardly matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import runs
from benchmarks.processes import run_together
from benchmarks.results import Measure, Scaled, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.runs import Latencies

LATENCIES: Final = runs.Latencies(s3=60, sqs=20, ack=30)
LONG: Final = runs.Latencies(s3=600, sqs=200, ack=300)

_Point = tuple[int, int]
_ONE: Final[_Point] = (1, 1)
_LEAST_GROWTH: Final = {2: 1.7, 4: 3.0, 8: 5.0}
_LEAST_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured.

    Attributes:
        rounds: How often; figures are medians, ratios are taken within a round.
        events: In one measurement with the services' latencies.
        events_per_connection: With the long latencies.
        points: Numbers of streams and of concurrent runs, ``(1, 1)`` first.
    """

    rounds: int
    events: int
    events_per_connection: int
    points: Sequence[_Point]


FULL: Final = Amount(
    rounds=3,
    events=24_000,
    events_per_connection=600,
    points=(_ONE, (2, 1), (4, 1), (8, 1), (1, 2), (1, 4)),
)
QUICK: Final = Amount(
    rounds=1, events=400, events_per_connection=200, points=(_ONE, (2, 1), (1, 2))
)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the servers measured of one or several drains that shared a durable queue.

    Attributes:
        per_second: Events per second, from the first that was sent to the last ack.
        smallest_share: The fewest events of a connection / the mean of all connections.
        drain_cores: How many cores the drains used, on average.
        server_cores: How many cores the event server and the sinks used, on average.
    """

    per_second: float
    smallest_share: float
    drain_cores: float
    server_cores: float


def shared(
    events: int, latencies: Latencies, *, streams: int = 1, concurrent_runs: int = 1
) -> Shared:
    """Run drains at the same time, each in its own process, until no more events come.

    Args:
        events: How many events there are for all drains together.
        latencies: Of the services.
        streams: How many connections each drain has.
        concurrent_runs: How many drains run at the same time.
    """
    connections = streams * concurrent_runs
    with (
        runs.event_server(events, latencies, connections) as server,
        runs.sinks(events, latencies) as sinks,
    ):
        own = {
            "PARALLEL_STREAMS": str(streams),
            # How many events a run gets isn't known, so it ends when idle. The first run to open
            # its stream must not end before the last one has opened its own.
            "MAX_EVENTS": "10000000",
            "IDLE_SECONDS": "1" if concurrent_runs == 1 else "2",
        }
        results = run_together(
            "whole_drain", concurrent_runs, env=runs.settings(server, sinks, events) | own
        )
    for result in results:
        runs.check_end(result, "idle")
    seconds = server.counts["seconds"]
    return Shared(
        per_second=events / seconds,
        smallest_share=min(server.counts["sent"]) / (events / connections),
        drain_cores=sum(result.figures["cpu_seconds"] for result in results) / seconds,
        server_cores=(server.counts["cpu_seconds"] + sinks.counts["cpu_seconds"]) / seconds,
    )


def scale(amount: Amount, log: Callable[[str], None]) -> list[Scaled]:
    """Measure all points with both sets of latencies.

    Args:
        amount: How much.
        log: Prints a line after each run.
    """
    return [
        scaled for latencies in (LATENCIES, LONG) for scaled in _scale_with(latencies, amount, log)
    ]


def _scale_with(latencies: Latencies, amount: Amount, log: Callable[[str], None]) -> list[Scaled]:
    rounds: list[dict[_Point, Shared]] = []
    for _ in range(amount.rounds):
        rounds.append({})
        for streams, concurrent_runs in amount.points:
            events = (
                amount.events
                if latencies is LATENCIES
                else amount.events_per_connection * streams * concurrent_runs
            )
            run = shared(events, latencies, streams=streams, concurrent_runs=concurrent_runs)
            log(
                f"{concurrent_runs} x {streams} streams, latencies {latencies}:"
                f" {run.per_second:,.0f} events/s, smallest share {run.smallest_share:.2f},"
                f" {run.drain_cores:.2f} cores, the servers {run.server_cores:.2f}"
            )
            rounds[-1][streams, concurrent_runs] = run
    return [
        Scaled(
            latencies=str(latencies),
            streams=point[0],
            concurrent_runs=point[1],
            per_second=median(each[point].per_second for each in rounds),
            growth=median(each[point].per_second / each[_ONE].per_second for each in rounds),
            smallest_share=min(each[point].smallest_share for each in rounds),
            drain_cores=median(each[point].drain_cores for each in rounds),
            server_cores=median(each[point].server_cores for each in rounds),
        )
        for point in amount.points
    ]


def scale_measures(found: Sequence[Scaled]) -> list[Measure]:
    """Return the measures with a target: growth with long latencies, and the smallest share."""
    measures = [
        Measure(
            f"throughput, {count} {what} / 1, long latencies",
            each.growth,
            target=Target(_LEAST_GROWTH[count], is_most=False),
        )
        for each in found
        if each.latencies == str(LONG)
        for what, count in (("streams", each.streams), ("concurrent runs", each.concurrent_runs))
        if count > 1
    ]
    smallest = min(each.smallest_share for each in found if each.concurrent_runs > 1)
    return [
        *measures,
        Measure(
            "events of a run, fewest / mean",
            smallest,
            target=Target(_LEAST_SHARE, is_most=False),
        ),
    ]
