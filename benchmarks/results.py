"""The results of the bench: figures and their targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.imports import Import
    from benchmarks.modes import Mode


@dataclass(frozen=True, slots=True)
class Target:
    """A limit for a figure."""

    bound: float
    is_most: bool

    def is_met(self, value: float) -> bool:
        """Return whether a figure meets the target."""
        return value <= self.bound if self.is_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.is_most else 'at least'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the result.

    Attributes:
        name: What was measured.
        value: The figure.
        unit: Of the figure; empty for a ratio.
        target: None if the figure is only for information.
    """

    name: str
    value: float
    unit: str = ""
    target: Target | None = None

    @property
    def is_met(self) -> bool | None:
        """Return whether the target is met; None if there is no target."""
        return None if self.target is None else self.target.is_met(self.value)


@dataclass(frozen=True, slots=True)
class Scaled:
    """The result for one number of connections to a durable queue.

    Attributes:
        latencies: Of S3, SQS and acks.
        streams: Connections of each run.
        concurrent_runs: Runs at the same time.
        per_second: Events per second, of all connections.
        growth: The same, divided by that of one connection.
        smallest_share: The fewest events of a connection / the mean of all connections.
        drain_cores: How many cores the runs used, on average.
        server_cores: How many cores the servers used, on the same machine.
    """

    latencies: str
    streams: int
    concurrent_runs: int
    per_second: float
    growth: float
    smallest_share: float
    drain_cores: float
    server_cores: float


@dataclass(frozen=True, slots=True)
class Packing:
    """The cost with a number of events per message.

    Attributes:
        events_per_message: Maximum of events in a message.
        cpu_micros: CPU microseconds per event.
        cpu_ratio: The same, divided by that of one event per message.
        calls: Requests to SQS for a million events.
        messages: Messages for a million events.
    """

    events_per_message: int
    cpu_micros: float
    cpu_ratio: float
    calls: float
    messages: float


@dataclass(frozen=True, slots=True)
class Queried:
    """The cost of a saved query before and after compaction.

    Attributes:
        name: The query's name.
        title: The query's title, without its stream.
        bytes_before: Bytes scanned before compaction.
        bytes_after: Bytes scanned after compaction.
        seconds_before: DuckDB's time before compaction.
        seconds_after: DuckDB's time after compaction.
    """

    name: str
    title: str
    bytes_before: int
    bytes_after: int
    seconds_before: float
    seconds_after: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two checkouts.

    Attributes:
        name: What was measured.
        unit: Of the two figures.
        ours: The median of this checkout.
        theirs: The median of the other.
        ratios: This checkout / the other, of each pair.
    """

    name: str
    unit: str
    ours: float
    theirs: float
    ratios: Sequence[float]


@dataclass(slots=True)
class Results:
    """All results of one bench.

    Attributes:
        measures: In the order of the table.
        floor_modes: CPU microseconds per event in each mode of the floor.
        imports: The handler's most expensive imports.
        scale: Throughput by streams, then by concurrent runs, for each set of latencies.
        packing: By events per message, in ascending order from one.
        queried: The saved queries, before and after compaction.
        compared: This checkout and another.
        loads: The machine's load average at the start and the end: from about the number of its
            processors, other processes change the figures.
    """

    measures: list[Measure] = field(default_factory=list)
    floor_modes: dict[Mode, float] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    scale: list[Scaled] = field(default_factory=list)
    packing: list[Packing] = field(default_factory=list)
    queried: list[Queried] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
