"""What the bench finds: figures, and what they are held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.imports import Import
    from benchmarks.modes import Mode


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is held against."""

    bound: float
    is_most: bool

    def is_met(self, value: float) -> bool:
        """Tell whether a figure keeps to it."""
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
        target: None where it is only told.
    """

    name: str
    value: float
    unit: str = ""
    target: Target | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is; None where there is none."""
        return None if self.target is None else self.target.is_met(self.value)


@dataclass(frozen=True, slots=True)
class Scaled:
    """How several connections to one durable queue did.

    Attributes:
        latencies: Of S3, SQS and acks.
        streams: How many connections each puller had.
        pullers: How many pullers there were.
        per_second: Events per second, of all.
        growth: This as a multiple of what one connection does.
        smallest_share: Of the events that a connection got, the fewest, as a part of the mean.
        drain_cores: How many cores the pullers kept busy on average.
        server_cores: How many their servers did, on the same machine.
    """

    latencies: str
    streams: int
    pullers: int
    per_second: float
    growth: float
    smallest_share: float
    drain_cores: float
    server_cores: float


@dataclass(frozen=True, slots=True)
class Packing:
    """What a number of events in a message costs.

    Attributes:
        events_per_message: The most that a message holds.
        cpu_micros: CPU microseconds per event.
        cpu_ratio: This as a part of what it is with one event to a message.
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
    """What a saved query takes before and after compaction.

    Attributes:
        name: The query's.
        title: What it answers, in a few words, without its stream.
        bytes_before: That it scans of lines.
        bytes_after: That it scans of compacted days and the lines of open ones.
        seconds_before: That it takes, on DuckDB.
        seconds_after: Likewise.
    """

    name: str
    title: str
    bytes_before: int
    bytes_after: int
    seconds_before: float
    seconds_after: float


@dataclass(slots=True)
class Results:
    """All that one bench has found.

    Attributes:
        measures: In the order of the table.
        floor_modes: CPU microseconds per event in each mode of the floor.
        imports: The handler's dear ones.
        scale: Throughput with more and more streams, then pullers, for each set of latencies.
        packing: With more and more events in a message, one first.
        queried: The saved queries, before and after compaction.
    """

    measures: list[Measure] = field(default_factory=list)
    floor_modes: dict[Mode, float] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    scale: list[Scaled] = field(default_factory=list)
    packing: list[Packing] = field(default_factory=list)
    queried: list[Queried] = field(default_factory=list)
