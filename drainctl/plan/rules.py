"""The limits of every plan: those of the template, the engine, the event server and AWS."""

from __future__ import annotations

from typing import Final

# --- template.yaml ---

INTERVALS_MINUTES: Final = (1, 2, 3, 4, 5)
"""The server deletes a queue that had no listener for 30 minutes, and the NotDrained alarm expects
a start at least every 5 minutes."""

WINDOWS: Final = (20, 30, 60, 120, 180, 240, 300, 420, 600, 840)
TIMEOUT_MARGIN_SECONDS: Final = 60
"""The function's time-out minus the window."""

MOST_IN_FLIGHT: Final = 200
MOST_PARALLEL_STREAMS: Final = 8
MOST_CONCURRENT_RUNS: Final = 8
MOST_BACKLOG_RUNS: Final = 12
LEAST_MEMORY_MB: Final = 256
MOST_MEMORY_MB: Final = 10_240
MOST_EVENTS: Final = 10_000_000
MOST_STREAMS: Final = 5
SECRETS: Final = 2
ALARM_METRICS_PER_STREAM: Final = 1
ALARM_METRICS_PER_STACK: Final = 10
"""Alarms are billed by the metrics that they watch. Includes the compaction's alarms."""

METRICS_OF_EVERY_RUN: Final = 1
"""Completed. See functions/drain_events/app.py."""

METRICS_OF_SOME_RUNS: Final = 1
"""Received, emitted by runs with events."""

METRICS_OF_MANY_RUNS: Final = 2
"""Backlog, of the stream and of the stack, emitted by runs that left events waiting."""

# --- The engine ---

SHORT_LINGER_SECONDS: Final = 0.25
"""How long an event that has waited at the server waits for others at most."""

ACK_TIMEOUTS_SECONDS: Final = (45, 25, 10)
"""The values that a plan may use. The server sends events that a run left unread again after this
time. If another run ended at just that moment, it would leave them again, so no value equals an
interval or a multiple of a window. The shorter the time, the sooner a slow sink causes
duplicates."""

BEHIND_SECONDS: Final = 60.0
"""A run that reached its window's end starts another one if its last events were older than this on
arrival; see ``eventdrain.drain.Report``."""

# --- AWS ---

MESSAGES_PER_SQS_CALL: Final = 10
SQS_REQUEST_BYTES: Final = 64 * 1024
WHOLE_CORE_MB: Final = 1_769
"""The memory with which Lambda provides a whole core. A run is one process and uses at most one."""

DATA_KEY_SECONDS: Final = 300
"""How long services encrypt with one data key of a KMS key. S3's bucket keys may last longer."""

LAMBDA_CONCURRENCY: Final = 1_000
"""The default quota of an account. New accounts have less."""

# --- The model ---

MOST_PER_SECOND: Final = 100_000
"""The highest rate at which plans were checked by the simulation."""

HEADROOM: Final = 0.8
"""The share of its runs' capacity that a plan uses at most at the peak."""


def processor_share(memory_mb: int) -> float:
    """Return the share of a core that a process gets in a function with this memory."""
    return min(1.0, memory_mb / WHOLE_CORE_MB)
