"""Measurements and assumptions that all plans are computed from.

Units are seconds, bytes, and seconds of one processor core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CPU_SECONDS_PER_EVENT: Final = 132e-6
"""The whole drain of an event, from receipt to ack: "CPU per event, drain" of ``make bench`` on
2026-12-01 (x86_64, Python 3.11): 110 to 135 µs, 123 in the median. A core of Lambda may be faster
or slower."""

CPU_SECONDS_PER_SQS_CALL: Final = 150e-6
"""The part for one SendMessageBatch call, which determines how much packing saves. See
docs/decisions.md, "S3 and SQS are called by the AWS Common Runtime"."""

SETUP_CPU_SECONDS: Final = 0.010
"""From the start of the handler to the open stream, on a whole core. Measured by ``make bench``:
"set-up until the stream is open"."""

IMPORT_CPU_SECONDS: Final = 0.12
"""The handler's import in a cold start, on a whole core; ``make bench``: "handler's import"."""

LINE_BYTES: Final = 440
"""The line of a handset change, with its newline: the mean of 1,600 made-up events. The lines of
the other streams have 300 to 345 bytes."""

MESSAGE_ATTRIBUTE_BYTES: Final = 76
"""The size of the attributes ``event_id`` and ``event_type``, as SQS counts it."""

OBJECT_BYTES: Final = 205
"""A gzipped object without its events. Fitted to objects of 1 to 800 such events."""

ARCHIVED_BYTES_PER_EVENT: Final = 66
"""What a handset change adds to an object, gzipped at level 1. Events of other streams add 43."""

# --- Assumed, not measured ---

COLD_START_SECONDS: Final = 0.5
"""Lambda's part of a cold start, before the import. It is included in the worst lag."""

LOG_BYTES_PER_RUN: Final = 2_000
"""Lambda's START, END and REPORT, a report of about 900 bytes and the metrics of about 350."""

SECRET_READS_PER_RUN: Final = 2
"""``eventdrain.auth`` reads the credentials and the cached token, if the process has not done so in
the last 15 minutes."""

SECRET_READS_PER_HOUR: Final = 11
"""Of one process: four times in an hour, and 1.6 times until one process has renewed the token."""

TOKENS_PER_DAY: Final = 24
"""A token is valid for an hour, and each new token is written to its secret once."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """The durations of calls, in seconds. The defaults are those of the benchmark; measure yours.

    Attributes:
        s3: A PutObject.
        sqs: A SendMessageBatch.
        ack: An ack, until the server has sent the next event.
    """

    s3: float = 0.060
    sqs: float = 0.020
    ack: float = 0.030
