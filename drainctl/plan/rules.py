"""What the template, the engine, the event server and AWS allow: the bounds of every plan."""

from __future__ import annotations

from typing import Final

# --- template.yaml ---

INTERVALS_MINUTES: Final = (1, 2, 3, 4, 5)
"""The server forgets a queue's position after 30 minutes, and a stack's alarm on a stream that
isn't drained allows for 5."""

WINDOWS: Final = (20, 30, 60, 120, 180, 240, 300, 420, 600, 840)
TIMEOUT_MARGIN_SECONDS: Final = 60
"""How much longer than its window a function may live."""

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
"""An alarm is billed by the metrics that it looks at. The compaction's are among the stack's."""

METRICS_OF_EVERY_RUN: Final = 13
"""functions/drain_events/app.py: ten counts, RunTime, how the run ended, and Completed."""

METRICS_OF_SOME_RUNS: Final = 3
"""OldestEventAge, Batches, and a second way of ending."""

METRICS_OF_MANY_RUNS: Final = 1
"""Started, where runs start others."""

# --- The engine ---

ACK_TIMEOUTS_SECONDS: Final = (45, 25, 10)
"""What a plan may set. What a run leaves unread at its end comes again so much later. Where that is
the interval, or a multiple of the window, another run ends just then, and leaves it again. 45 is
neither; nor are the others, but the shorter it is, the sooner a slow sink makes duplicates."""

BEHIND_SECONDS: Final = 60.0
"""A run whose window ends is followed by another if its last events were older when they came:
``eventdrain.drain.Report``."""

# --- AWS ---

MESSAGES_PER_SQS_CALL: Final = 10
SQS_REQUEST_BYTES: Final = 64 * 1024
WHOLE_CORE_MB: Final = 1_769
"""Lambda's memory that has one whole core. A drain is one process and uses no more than one."""

LAMBDA_CONCURRENCY: Final = 1_000
"""An account's default; small accounts begin with less."""

# --- The model ---

MOST_PER_SECOND: Final = 100_000
"""The highest rate that the plan was checked at, against the simulation."""

HEADROOM: Final = 0.8
"""A plan uses no more than this part of what its runs can do, at the peak."""


def batch_events(max_in_flight: int) -> int:
    """Tell how many events a full batch has: half of a connection's in flight."""
    return max(1, max_in_flight // 2)


def processor_share(memory_mb: int) -> float:
    """Tell what part of a core a function of this memory has for one process."""
    return min(1.0, memory_mb / WHOLE_CORE_MB)
