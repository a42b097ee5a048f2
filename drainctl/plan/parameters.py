"""The stack's parameters that depend on the rate."""

from __future__ import annotations

from dataclasses import dataclass

from drainctl.plan import rules
from drainctl.shell import deploy_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Values of the template's parameters that depend on the rate.

    ``as_template`` maps them to the template's names. Times are in seconds, except the interval.
    """

    interval_minutes: int
    window: int
    idle: int
    linger: float = 5.0
    max_in_flight: int = rules.MOST_IN_FLIGHT
    ack_timeout: int = 25
    parallel_streams: int = 1
    concurrent_runs: int = 1
    backlog_runs: int = 4
    events_per_message: int = 1
    memory_mb: int = 512
    max_events: int = 100_000

    @property
    def interval(self) -> float:
        """The seconds between two starts by the schedule."""
        return self.interval_minutes * 60.0

    @property
    def short_linger(self) -> float:
        """How long an event that has waited at the server waits for others."""
        return min(self.linger, rules.SHORT_LINGER_SECONDS)

    @property
    def share(self) -> float:
        """The share of a core that a run gets."""
        return rules.processor_share(self.memory_mb)

    @property
    def most_runs_at_once(self) -> int:
        """The maximum number of concurrent runs of one stream.

        A scheduled start begins ``concurrent_runs`` chains of at most ``backlog_runs`` + 1 runs. No
        run exceeds the function's time-out, so a chain lasts at most ``backlog_runs`` + 1
        time-outs. Only chains that started within that time can overlap.
        """
        life = (self.backlog_runs + 1) * (self.window + rules.TIMEOUT_MARGIN_SECONDS)
        return self.concurrent_runs * -(-life // (self.interval_minutes * 60))

    def as_template(self) -> dict[str, str]:
        """Return the values by the template's parameter names."""
        unit = "minute" if self.interval_minutes == 1 else "minutes"
        return {
            "ScheduleExpression": f"rate({self.interval_minutes} {unit})",
            "WindowSeconds": str(self.window),
            "IdleSeconds": str(self.idle),
            "LingerMilliseconds": str(round(self.linger * 1000)),
            "MaxEvents": str(self.max_events),
            "MaxInFlight": str(self.max_in_flight),
            "AckTimeoutSeconds": str(self.ack_timeout),
            "ParallelStreams": str(self.parallel_streams),
            "Pullers": str(self.concurrent_runs),
            "BacklogRuns": str(self.backlog_runs),
            "EventsPerMessage": str(self.events_per_message),
            "MemorySize": str(self.memory_mb),
        }

    def as_command(self) -> str:
        """Return the command that deploys the values."""
        return deploy_command(self.as_template())
