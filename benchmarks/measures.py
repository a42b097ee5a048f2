"""The measures of the bench: medians of several rounds, some with a target.

A ratio of CPU times is computed within each round, as other load on the machine changes little in
that time. The measure is the median of these ratios.
"""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import archive_queries, comparing, packing, replaying, runs, scaling
from benchmarks.imports import dear_imports
from benchmarks.processes import run, serving
from benchmarks.results import Measure, Results, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from benchmarks.amounts import Amount
    from benchmarks.runs import QuietRuns, Run

MAX_IN_FLIGHT: Final = 200


class Bench:
    """Measures, part by part.

    Args:
        amount: How much.
        log: Prints a line after each run.
    """

    def __init__(self, amount: Amount, log: Callable[[str], None]) -> None:
        self._amount = amount
        self._log = log
        self.results = Results()

    def cpu(self) -> None:
        """CPU time per event: the floor, a drain, the vendor's outline."""
        events = self._amount.events
        modes = self.results.floor_modes
        for mode in self._amount.modes:
            modes[mode] = _cpu(
                self._rounds(mode, partial(runs.floor, mode, self._amount.mode_events))
            )
        best = min(modes, key=lambda mode: modes[mode])
        floors: list[Run] = []
        drains: list[Run] = []
        outlines: list[Run] = []
        for _ in range(self._amount.rounds):
            floors.append(self._one("floor", lambda: runs.floor(best, events)))
            drains.append(self._one("drain", lambda: runs.drain(events)))
            outlines.append(
                self._one(
                    "vendor's outline", lambda: runs.vendor_outline(self._amount.vendor_events)
                )
            )
        floor, drain, outline = _cpu(floors), _cpu(drains), _cpu(outlines)
        process = median(run.process_cpu_micros for run in drains)
        self.results.measures += [
            Measure("CPU per event, floor", floor, "µs"),
            Measure("CPU per event, drain", drain, "µs"),
            Measure("CPU per event, drain, with interpreter and imports", process, "µs"),
            Measure("CPU per event, vendor's outline", outline, "µs"),
            Measure("CPU per event, drain, greatest / least", _spread(drains)),
            Measure("CPU, drain / floor", _ratio(drains, floors), target=Target(2.5, is_most=True)),
            Measure(
                "CPU, drain / vendor's outline",
                _ratio(drains, outlines),
                target=Target(0.1, is_most=True),
            ),
            Measure("throughput without latencies", _per_second(drains), "/s"),
        ]

    def compare(self, other: Path) -> None:
        """This checkout's engine and another's."""
        self.results.compared = comparing.compare(
            other,
            rounds=self._amount.rounds,
            events=self._amount.events,
            few=self._amount.few,
            log=self._log,
        )

    def latency(self) -> None:
        """Throughput with latencies of the services."""
        most = MAX_IN_FLIGHT / (scaling.LATENCIES.s3 + scaling.LATENCIES.ack) * 1000
        events = self._amount.events
        drains = self._rounds("drain with latencies", lambda: runs.drain(events, scaling.LATENCIES))
        per_second = _per_second(drains)
        self.results.measures += [
            Measure("throughput, with latencies", per_second, "/s"),
            Measure("maximum that max_in_flight allows", most, "/s"),
            Measure("throughput / most", per_second / most, target=Target(0.7, is_most=False)),
        ]

    def memory(self) -> None:
        """Peak memory of a window of few events and of one of many."""
        few = _peak(self._rounds("few events", lambda: runs.drain(self._amount.few)))
        many = _peak(self._rounds("many events", lambda: runs.drain(self._amount.many)))
        self.results.measures += [
            Measure(f"peak memory, {self._amount.few:,} events", few / 1e6, "MB"),
            Measure(f"peak memory, {self._amount.many:,} events", many / 1e6, "MB"),
            Measure("peak memory, many / few", many / few, target=Target(1.2, is_most=True)),
        ]

    def start(self) -> None:
        """The handler's import, its set-up until the stream is open, and runs without events."""
        imports: list[float] = []
        set_ups: list[float] = []
        quiet: list[QuietRuns] = []
        for _ in range(self._amount.rounds):
            imported, set_up, _ = _start_handler()
            self._log(f"handler's start: import {imported:.3f} s, set-up {set_up:.3f} s")
            imports.append(imported)
            set_ups.append(set_up)
            quiet.append(runs.quiet())
        *_, importtime = _start_handler("-X", "importtime")
        self.results.imports = dear_imports(importtime)
        self.results.measures += [
            Measure("handler's import", median(imports) * 1000, "ms"),
            Measure("set-up until the stream is open", median(set_ups) * 1000, "ms"),
            Measure(runs.COLD, median(each.cold for each in quiet) * 1000, "ms"),
            Measure(runs.WARM, median(each.warm for each in quiet) * 1000, "ms"),
        ]

    def scale(self) -> None:
        """Throughput of several streams and of several concurrent runs."""
        self.results.scale = scaling.scale(self._amount.scale, self._log)
        self.results.measures += scaling.scale_measures(self.results.scale)

    def packing(self) -> None:
        """Savings from several events in a message."""
        self.results.packing = packing.pack(self._amount.packing, self._log)
        self.results.measures += packing.packing_measures(self.results.packing)

    def replay(self) -> None:
        """How fast archived events are sent again."""
        self.results.measures += replaying.replay(self._amount.replay, self._log)

    def archive(self) -> None:
        """What the saved queries read, before and after compaction."""
        self.results.queried, measures = archive_queries.archive(self._amount.archive, self._log)
        self.results.measures += measures

    def _rounds(self, name: str, run_once: Callable[[], Run]) -> list[Run]:
        return [self._one(name, run_once) for _ in range(self._amount.rounds)]

    def _one(self, name: str, run_once: Callable[[], Run]) -> Run:
        figures = run_once()
        self._log(
            f"{name}: {figures.cpu_micros:.0f} µs of CPU per event,"
            f" {figures.per_second:,.0f} events/s, {figures.peak_bytes / 1e6:.0f} MB"
        )
        return figures


def _start_handler(*flags: str) -> tuple[float, float, str]:
    """Return the seconds to import, the seconds from the call to the stream, and stderr."""
    with serving("event_server", "--events", "1") as server, serving("sinks") as sinks:
        result = run(
            "handler_start",
            "1",
            env={**runs.settings(server, sinks, 1), "POWERTOOLS_METRICS_NAMESPACE": "bench"},
            flags=flags,
        )
    figures = result.figures
    return (
        figures["imported_seconds"],
        server.counts["opened_at"] - figures["called_at"],
        result.errors,
    )


def _cpu(several: Iterable[Run]) -> float:
    return median(run.cpu_micros for run in several)


def _ratio(several: Iterable[Run], others: Iterable[Run]) -> float:
    return median(a.cpu_micros / b.cpu_micros for a, b in zip(several, others, strict=True))


def _spread(several: Iterable[Run]) -> float:
    figures = [run.cpu_micros for run in several]
    return max(figures) / min(figures)


def _per_second(several: Iterable[Run]) -> float:
    return median(run.per_second for run in several)


def _peak(several: Iterable[Run]) -> float:
    return median(run.peak_bytes for run in several)
