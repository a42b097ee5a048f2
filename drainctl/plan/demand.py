"""What is asked of the stack: how many events come, when, and how late they may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from drainctl.plan import rules
from drainctl.plan.measured import Latencies

DAY: Final = 86_400

PEAK_FACTOR: Final = 5.0
"""The peak, if it isn't known, over the day's mean. Traffic of people has a busy hour of about
twice the mean; what a network does in bulk (a roll-out of software, an outage and its end) comes on
top. It is a guess on the safe side: the metric ``Received`` tells yours."""

_PEAK_SECONDS: Final = 3_600
_ROUNDING: Final = 1.0001
_MOST_IN_PEAK: Final = 0.25


class ImpossibleDemand(ValueError):
    """What is asked for contradicts itself, or is beyond the design."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the day with one rate.

    Attributes:
        per_second: Events per second of one stream.
        seconds: How long it lasts, of a day.
    """

    per_second: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An event rate and what goes with it.

    Attributes:
        events_per_day: Of all streams together.
        peak_per_second: Of all streams together; None for ``PEAK_FACTOR`` times the mean.
        streams: How many event types are drained. The events are taken to be spread evenly.
        events_per_message: How many events are packed into an SQS message at the most.
        memory_mb: The function's memory; None to choose it.
        max_lag: How many seconds after its event a line may be in the archive, at the worst.
        latencies: Of the services.
        architecture: The function's processor.
        is_fifo: Whether the queue is FIFO.
        has_kms_key: Whether a customer managed key encrypts everything.

    Raises:
        ImpossibleDemand: Says which value can't be, and why.
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
            raise ImpossibleDemand("EVENTS_PER_DAY must be a number above 0")
        if not 0 < self.peak < float("inf"):
            raise ImpossibleDemand("PEAK_PER_SECOND must be a number above 0")
        if self.peak < self.mean * 0.9999:
            raise ImpossibleDemand(
                f"PEAK_PER_SECOND {self.peak:g} is below the day's mean of {self.mean:g} a second"
            )
        if self.peak > rules.MOST_PER_SECOND:
            whose = "the given" if self.peak_per_second else f"{PEAK_FACTOR:g} times the mean as"
            raise ImpossibleDemand(
                f"{whose} peak is {self.peak:,.0f} events a second; the design ends at"
                f" {rules.MOST_PER_SECOND:,} (docs/scale.md, Where the design ends)"
            )
        if self.peak * _PEAK_SECONDS > self.events_per_day * _ROUNDING:
            most = self.events_per_day / _PEAK_SECONDS
            raise ImpossibleDemand(
                f"PEAK_PER_SECOND {self.peak:g} is the rate of the busiest hour, which alone"
                f" would have {self.peak * _PEAK_SECONDS:,.0f} of the day's"
                f" {self.events_per_day:,.0f} events."
                f" To fix this, give at most {most:.3g}: the events of the busiest hour / 3,600"
            )
        if self.max_lag <= 0:
            raise ImpossibleDemand("the wanted lag must be above 0 seconds")
        if self.is_fifo and self.events_per_message > 1:
            raise ImpossibleDemand("a FIFO queue excludes --events-per-message above 1")

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
        """The day without the peak, of one stream."""
        rest = DAY - self.busy.seconds
        events = max(0.0, DAY * self.mean / self.streams - self.busy.seconds * self.busy.per_second)
        return Phase(per_second=events / rest, seconds=rest)

    @property
    def busy(self) -> Phase:
        """The peak, of one stream: an hour a day, or less: a quarter of the events at the most."""
        longest = _MOST_IN_PEAK * DAY * self.mean / self.peak
        return Phase(
            per_second=self.peak / self.streams, seconds=min(float(_PEAK_SECONDS), longest)
        )
