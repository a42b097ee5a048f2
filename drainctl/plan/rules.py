"""Bounds of every plan: what the template, the engine, the event server and AWS allow."""

from __future__ import annotations

from typing import Final

# --- template.yaml ---

INTERVALS_MINUTES: Final = (1, 2, 3, 4, 5)
"""The server forgets a queue's position after 30 minutes, and the alarm for a stream that is not
drained expects a start every 5."""

WINDOWS: Final = (20, 30, 60, 120, 180, 240, 300, 420, 600, 840)
TIMEOUT_MARGIN_SECONDS: Final = 60
"""How much longer than its window the function may run."""

MOST_IN_FLIGHT: Final = 200
MOST_PARALLEL_STREAMS: Final = 8
MOST_CONCURRENT_RUNS: Final = 8
MOST_BACKLOG_RUNS: Final = 12
LEAST_MEMORY_MB: Final = 256
MOST_MEMORY_MB: Final = 10_240
MOST_EVENTS: Final = 10_000_000
MOST_EVENTS_PER_MESSAGE: Final = 100
MOST_STREAMS: Final = 5
SECRETS: Final = 2
ALARM_METRICS_PER_STREAM: Final = 10
ALARM_METRICS_PER_STACK: Final = 9
"""An alarm is billed by the metrics that it watches. The compaction's count among the stack's."""

METRICS_OF_EVERY_RUN: Final = 13
"""functions/drain_events/app.py: ten counts, RunTime, how the run ended, and Completed."""

METRICS_OF_SOME_RUNS: Final = 3
"""OldestEventAge, Batches, and a second reason for the end."""

METRICS_OF_MANY_RUNS: Final = 1
"""Started, if runs start other runs."""

# --- The engine ---

ACK_TIMEOUTS_SECONDS: Final = (45, 25, 10)
"""The values of a plan. Events that a run leaves unread at its end are sent again after this time.
If it is the interval, or a multiple of the window, another run ends just then and leaves them
again, so these values are neither. The shorter it is, the sooner a slow sink causes duplicates."""

BEHIND_SECONDS: Final = 60.0
"""A run whose window ends is followed by another if its last events were older than this on
arrival; see ``eventdrain.drain.Report``."""

# --- AWS ---

MESSAGES_PER_SQS_CALL: Final = 10
SQS_REQUEST_BYTES: Final = 64 * 1024
WHOLE_CORE_MB: Final = 1_769
"""The memory for which Lambda gives one whole core. A run is one process and uses at most one."""

LAMBDA_CONCURRENCY: Final = 1_000
"""An account's default; new accounts have less."""

# --- The model ---

MOST_PER_SECOND: Final = 100_000
"""The highest rate at which a plan was checked against the simulation."""

HEADROOM: Final = 0.8
"""A plan uses at most this part of its runs' capacity at the peak."""


def batch_events(max_in_flight: int) -> int:
    """Return the events of a full batch: half of those that a connection may have in flight."""
    return max(1, max_in_flight // 2)


def processor_share(memory_mb: int) -> float:
    """Return the part of a core that a function with this memory has for one process."""
    return min(1.0, memory_mb / WHOLE_CORE_MB)
