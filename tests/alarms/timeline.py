"""A simulated clock with recorded runs, on which alarms are evaluated every minute.

A run's log lines are unchanged, except for their time, which is that of the simulated schedule. The
metrics of AWS's services are derived: Lambda's from the run's result and duration, SQS's from the
number of messages in a queue. Lambda counts a run at the time of its start, but reports it when it
has ended ("Viewing metrics for Lambda functions" in its guide), so an alarm on it must look back as
long as a run can take.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.alarms.metrics import Metric, Metrics
from tests.alarms.stack_alarms import (
    FUNCTION,
    QUEUE_DEAD_LETTERS,
    SCHEDULE_DEAD_LETTERS,
    STATE_MACHINE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE: Final = 60
INTERVAL: Final = 5 * MINUTE
"""Of the schedule."""
TIME_OUT: Final = 300.0
"""The function's time-out with the default window."""
_QUEUES: Final = (QUEUE_DEAD_LETTERS, SCHEDULE_DEAD_LETTERS)


@dataclass(frozen=True, slots=True)
class RealRun:
    """The result of one run of the function's handler.

    Attributes:
        lines: Its log lines.
        seconds: Its duration.
        has_raised: Whether it raised an error.
        was_stopped: Whether it was stopped while it ran, as Lambda does at the time-out.
    """

    lines: Sequence[str]
    seconds: float
    has_raised: bool = False
    was_stopped: bool = False


@dataclass(slots=True)
class Timeline:
    """The metrics of a stack, on a clock that starts at 0."""

    metrics: Metrics = field(default_factory=Metrics)

    def run(self, run: RealRun, at: float) -> None:
        """Add a run that starts at a time."""
        seconds = TIME_OUT if run.was_stopped else run.seconds
        self.metrics.add_lines(run.lines, at + seconds)
        has_failed = run.has_raised or run.was_stopped
        self._count_lambda("Throttles", at, 0)
        for name, value in (
            ("Invocations", 1),
            ("Errors", int(has_failed)),
            ("Duration", seconds * 1000),
        ):
            self._count_lambda(name, at, value, known_from=at + seconds)
        if has_failed:
            # It is not retried, so its start counts as dropped.
            self._count_lambda("AsyncEventsDropped", at + seconds, 1)

    def throttle(self, at: float) -> None:
        """Add a start that is throttled, and dropped after a minute."""
        self._count_lambda("Throttles", at, 3)
        self._count_lambda("AsyncEventsDropped", at + MINUTE, 1)

    def queues(self, at: float, *, queue: int = 0, schedule: int = 0) -> None:
        """Report how many messages the dead-letter queues hold."""
        for name_of_queue, count in zip(_QUEUES, (queue, schedule), strict=True):
            name = "ApproximateNumberOfMessagesVisible"
            self.metrics.add(Metric.of("AWS/SQS", name, {"QueueName": name_of_queue}), at, count)

    def compaction(self, at: float, *, failed: int = 0, timed_out: int = 0) -> None:
        """Add the end of an execution of the compaction."""
        dimensions = {"StateMachineArn": STATE_MACHINE}
        for name, count in (("ExecutionsFailed", failed), ("ExecutionsTimedOut", timed_out)):
            self.metrics.add(Metric.of("AWS/States", name, dimensions), at, count)

    def _count_lambda(
        self, name: str, at: float, value: float, *, known_from: float | None = None
    ) -> None:
        metric = Metric.of("AWS/Lambda", name, {"FunctionName": FUNCTION})
        self.metrics.add(metric, at, value, known_from=known_from)
