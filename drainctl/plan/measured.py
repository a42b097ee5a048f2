"""Measurements of this project, and assumptions; all plans are computed from them.

Units are seconds, bytes, and seconds of one processor core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CPU_SECONDS_PER_EVENT: Final = 132e-6
"""To receive an event, make its line, write it to S3 and SQS, and ack it. ``make bench`` of
2026-11-24 (x86_64, Python 3.11): "CPU per event, drain", the highest of several runs; the last had
127. A core of Lambda may be faster or slower."""

CPU_SECONDS_PER_SQS_CALL: Final = 150e-6
"""The part of that for one SendMessageBatch: docs/decisions.md, "S3 and SQS are called by the AWS
Common Runtime". What packing saves is computed from it."""

SETUP_CPU_SECONDS: Final = 0.077
"""From the handler's start to the open stream, on a whole core. ``make bench``: "set-up until the
stream is open"."""

IMPORT_CPU_SECONDS: Final = 0.186
"""The handler's import, on a whole core: a cold start only. ``make bench``: "handler's import"."""

LINE_BYTES: Final = 440
"""A handset change as a line with its newline, the longest of the five streams; the others have
300 to 345. Mean of 1,600 made-up events of the simulator's event server."""

MESSAGE_ATTRIBUTE_BYTES: Final = 76
"""What SQS counts for ``event_id`` and ``event_type``, in addition to the body."""

OBJECT_BYTES: Final = 205
"""A gzipped object without its events. Fitted to objects of 1 to 800 of the same events."""

ARCHIVED_BYTES_PER_EVENT: Final = 66
"""What an event adds to an object, gzipped at level 1; the other streams 43."""

# --- Assumed, not measured ---

COLD_START_SECONDS: Final = 0.5
"""Lambda's own part of a cold start, before the import. Part of the worst lag."""

LOG_BYTES_PER_RUN: Final = 3_000
"""START, END and REPORT, and the lines of report and metrics, about 1,000 each."""

SECRET_READS_PER_RUN: Final = 2
"""``eventdrain.auth``: the credentials and the cached token."""

TOKENS_PER_DAY: Final = 24
"""A token is valid for an hour; each new one is stored in its secret once."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long a call takes, in seconds. Measure yours; the defaults are those of the benchmark.

    Attributes:
        s3: A PutObject.
        sqs: A SendMessageBatch.
        ack: An ack, until the server has sent the next event in its place.
    """

    s3: float = 0.060
    sqs: float = 0.020
    ack: float = 0.030
