"""The comparison of two checkouts: pairs of runs in turn, on the same servers and machine."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from benchmarks import runs
from benchmarks.processes import PROJECT_FOLDER
from benchmarks.results import Compared
from benchmarks.scaling import LATENCIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.runs import Run

Figures = TypeVar("Figures")


def compare(
    other: Path, *, rounds: int, events: int, few: int, log: Callable[[str], None]
) -> list[Compared]:
    """Compare this checkout's engine with another's.

    Args:
        other: The other checkout's folder.
        rounds: How many pairs; each begins with the other of the two.
        events: In a run.
        few: In the short run, whose peak memory is compared with that of a run.
        log: Prints a line after each pair.
    """
    drains: dict[str, Callable[..., Run]] = {
        "drain": partial(runs.drain, events),
        "drain, ten events per message": partial(runs.drain, events, events_per_message=10),
        "drain, with latencies": partial(runs.drain, events, LATENCIES),
        f"drain of {few:,} events": partial(runs.drain, few),
    }
    found = _compare_quiet_runs(other, rounds, log)
    for name, run_once in drains.items():
        pairs: list[tuple[Run, Run]] = []
        for ours, theirs in _in_turn(run_once, other, rounds):
            pairs.append((ours, theirs))
            log(f"{name}: {ours.cpu_micros:.0f} and {theirs.cpu_micros:.0f} µs of CPU per event")
        found += [
            _compared(f"CPU per event, {name}", "µs", pairs, lambda run: run.cpu_micros),
            _compared(f"throughput, {name}", "/s", pairs, lambda run: run.per_second),
            _compared(f"peak memory, {name}", "MB", pairs, lambda run: run.peak_bytes / 1e6),
        ]
    return found


def _compare_quiet_runs(other: Path, rounds: int, log: Callable[[str], None]) -> list[Compared]:
    pairs = []
    for ours, theirs in _in_turn(runs.quiet, other, rounds):
        pairs.append((ours, theirs))
        log(f"run without events: {ours.warm * 1000:.1f} and {theirs.warm * 1000:.1f} ms of CPU")
    return [
        _compared(runs.COLD, "ms", pairs, lambda it: it.cold * 1e3),
        _compared(runs.WARM, "ms", pairs, lambda it: it.warm * 1e3),
    ]


def _in_turn(
    run_once: Callable[..., Figures], other: Path, rounds: int
) -> Iterator[tuple[Figures, Figures]]:
    """Run this checkout's engine and the other's, each first in every other pair."""
    for number in range(rounds):
        order = [PROJECT_FOLDER, other] if number % 2 else [other, PROJECT_FOLDER]
        of = {engine: run_once(engine=engine) for engine in order}
        yield of[PROJECT_FOLDER], of[other]


def _compared(
    name: str,
    unit: str,
    pairs: Sequence[tuple[Figures, Figures]],
    figure: Callable[[Figures], float],
) -> Compared:
    ours, theirs = zip(*((figure(one), figure(other)) for one, other in pairs), strict=True)
    return Compared(
        name=name,
        unit=unit,
        ours=median(ours),
        theirs=median(theirs),
        ratios=[one / other for one, other in zip(ours, theirs, strict=True)],
    )
