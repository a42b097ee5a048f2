"""Measures the savings from packing several events into one message."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import runs
from benchmarks.processes import run
from benchmarks.results import Measure, Packing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EVENTS_PER_MESSAGE: Final = (1, 10, 100)


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured.

    Attributes:
        rounds: How often; figures are medians, ratios are computed within a round.
        events: In one drain.
    """

    rounds: int
    events: int


FULL: Final = Amount(rounds=5, events=10_000)
QUICK: Final = Amount(rounds=1, events=400)


@dataclass(frozen=True, slots=True)
class Packed:
    """A drain that packed events into messages.

    Attributes:
        run: Its figures.
        calls: Requests to SQS.
        messages: Messages sent.
    """

    run: runs.Run
    calls: int
    messages: int


def packed(events: int, events_per_message: int) -> Packed:
    """Run a drain that packs up to ``events_per_message`` events into a message."""
    with runs.event_server(events) as server, runs.sinks(events) as sinks:
        packs = {"EVENTS_PER_MESSAGE": str(events_per_message)}
        result = run("whole_drain", env=runs.settings(server, sinks, events) | packs)
    runs.check_end(result, "limit")
    return Packed(runs.Run.of(result, events), sinks.counts["calls"], sinks.counts["messages"])


def pack(amount: Amount, log: Callable[[str], None]) -> list[Packing]:
    """Measure drains without latencies, with one event per message and with several.

    Args:
        amount: How much.
        log: Prints a line after each run.
    """
    rounds: list[dict[int, Packed]] = []
    for _ in range(amount.rounds):
        rounds.append({})
        for count in _EVENTS_PER_MESSAGE:
            found = packed(amount.events, count)
            log(
                f"{count} events a message: {found.run.cpu_micros:.0f} µs of CPU per event,"
                f" {found.calls:,} requests, {found.messages:,} messages"
            )
            rounds[-1][count] = found
    million = 1_000_000 / amount.events
    return [
        Packing(
            events_per_message=count,
            cpu_micros=median(each[count].run.cpu_micros for each in rounds),
            cpu_ratio=median(
                each[count].run.cpu_micros / each[1].run.cpu_micros for each in rounds
            ),
            calls=median(each[count].calls for each in rounds) * million,
            messages=median(each[count].messages for each in rounds) * million,
        )
        for count in _EVENTS_PER_MESSAGE
    ]


def packing_measures(found: Sequence[Packing]) -> list[Measure]:
    """Return the ratios to one event per message."""
    one, *several = found
    return [
        measure
        for each in several
        for measure in (
            Measure(f"CPU, {each.events_per_message} events a message / 1", each.cpu_ratio),
            Measure(
                f"SQS requests, {each.events_per_message} events a message / 1",
                each.calls / one.calls,
            ),
        )
    ]
