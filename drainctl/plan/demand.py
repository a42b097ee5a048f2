"""The demand on the stack: the event rate, its peak, and the maximum lag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from drainctl.errors import CommandError
from drainctl.plan import rules
from drainctl.plan.measured import Latencies
from eventdrain.events import max_events_per_message

DAY: Final = 86_400

PEAK_FACTOR: Final = 5.0
"""The default ratio of the peak to the day's mean, a cautious guess. People's traffic has a busy
hour of about twice the mean; bulk changes in the network, such as a software roll-out, add to it.
The metric ``Received`` shows the actual peak."""

_PEAK_SECONDS: Final = 3_600
_ROUNDING: Final = 1.0001
_MOST_IN_PEAK: Final = 0.25


class DemandError(CommandError):
    """The demand contradicts itself, or exceeds the limits of the design."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the day with a constant rate.

    Attributes:
        per_second: Events per second of one stream.
        seconds: The length per day, in seconds.
    """

    per_second: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An event rate, with its conditions.

    Attributes:
        events_per_day: Events per day, of all streams.
        peak_per_second: Events per second at the peak, of all streams; None for ``PEAK_FACTOR``
            times the mean.
        streams: The number of streams, which are assumed to have equal rates.
        events_per_message: The maximum number of events in an SQS message.
        memory_mb: The function's memory; None to choose it.
        max_lag: The maximum time from an event to its line in the archive, in seconds.
        latencies: The services' latencies.
        architecture: The function's processor.
        is_fifo: Whether the queue is FIFO.
        has_kms_key: Whether the stack uses a customer managed KMS key.

    Raises:
        DemandError: A value is impossible. The error names it and the reason.
    """

    events_per_day: float
    peak_per_second: float | None = None
    streams: int = 1
    events_per_message: int = 1
    memory_mb: int | None = None
    max_lag: float = 330.0
    latencies: Latencies = field(default_factory=Latencies)
    architecture: str = "arm64"
    is_fifo: bool = False
    has_kms_key: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.events_per_day < float("inf"):
            raise DemandError("--events-per-day must be a number above 0")
        if not 0 < self.peak < float("inf"):
            raise DemandError("--peak-per-second must be a number above 0")
        if self.peak < self.mean * 0.9999:
            raise DemandError(
                f"--peak-per-second is {self.peak:g}, which is below the day's mean of"
                f" {self.mean:g} per second"
            )
        if self.peak > rules.MOST_PER_SECOND:
            what = "" if self.peak_per_second else f", {PEAK_FACTOR:g} times the mean,"
            raise DemandError(
                f"the peak{what} is {self.peak:,.0f} events per second, but a stack supports at"
                f" most {rules.MOST_PER_SECOND:,}",
                "see docs/scale.md, Where the design ends",
            )
        if self.peak * _PEAK_SECONDS > self.events_per_day * _ROUNDING:
            most = self.events_per_day / _PEAK_SECONDS
            raise DemandError(
                f"--peak-per-second is {self.peak:g}, so the busiest hour alone would have"
                f" {self.peak * _PEAK_SECONDS:,.0f} of the day's {self.events_per_day:,.0f} events",
                f"specify at most {most:.3g}: the events of the busiest hour / 3,600",
            )
        if self.max_lag <= 0:
            raise DemandError("the maximum lag must be above 0 seconds")
        most_events = max_events_per_message(is_fifo=self.is_fifo)
        if self.events_per_message > most_events:
            queue = "a FIFO queue" if self.is_fifo else "a queue"
            raise DemandError(f"with {queue} --events-per-message must be at most {most_events}")

    @property
    def mean(self) -> float:
        """Events per second over the day, of all streams."""
        return self.events_per_day / DAY

    @property
    def peak(self) -> float:
        """Events per second at the peak, of all streams."""
        if self.peak_per_second is None:
            return self.mean * PEAK_FACTOR
        return self.peak_per_second

    @property
    def quiet(self) -> Phase:
        """The part of the day outside the peak, for one stream."""
        rest = DAY - self.busy.seconds
        events = max(0.0, DAY * self.mean / self.streams - self.busy.seconds * self.busy.per_second)
        return Phase(per_second=events / rest, seconds=rest)

    @property
    def busy(self) -> Phase:
        """The peak, for one stream: an hour a day, or less, to have a quarter of the events."""
        longest = _MOST_IN_PEAK * DAY * self.mean / self.peak
        return Phase(
            per_second=self.peak / self.streams, seconds=min(float(_PEAK_SECONDS), longest)
        )
