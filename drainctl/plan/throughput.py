"""The throughput of one run while there is a backlog."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from drainctl.plan import measured, rules

if TYPE_CHECKING:
    from drainctl.plan.measured import Latencies
    from drainctl.plan.parameters import Parameters


def cpu_per_event(events_per_message: int) -> float:
    """Return the CPU seconds per event on a whole core; packing events into messages saves some."""
    calls = 1 / rules.MESSAGES_PER_SQS_CALL
    saved = calls - calls / events_per_message
    return measured.CPU_SECONDS_PER_EVENT - saved * measured.CPU_SECONDS_PER_SQS_CALL


def per_second(parameters: Parameters, latencies: Latencies) -> float:
    """Return the events per second that one run drains.

    One batch of each stream is in flight. The batches share one processor, and each waits for S3,
    SQS and the acks. This is a closed queueing network, computed here by mean value analysis. For a
    whole core, the benchmark's latencies and one stream, it returns 1,718 events per second; 1,768
    were measured.
    """
    batch = parameters.max_in_flight
    computing = batch * cpu_per_event(parameters.events_per_message) / parameters.share
    waiting = write_seconds(latencies) + latencies.ack
    return batch * _turns_per_second(parameters.parallel_streams, computing, waiting)


@cache
def _turns_per_second(customers: int, computing: float, waiting: float) -> float:
    queued = turns = 0.0
    for number in range(1, customers + 1):
        answering = computing * (1 + queued)
        turns = number / (answering + waiting)
        queued = turns * answering
    return turns


def write_seconds(latencies: Latencies) -> float:
    """Return the seconds that S3 and SQS take for a batch, in addition to the CPU time.

    All calls of a batch run concurrently: they are fewer than ``eventdrain.wiring`` allows.
    """
    return max(latencies.s3, latencies.sqs)


def setup_seconds(parameters: Parameters) -> float:
    """Return the seconds that a warm run takes until its stream is open."""
    return measured.SETUP_CPU_SECONDS / parameters.share


def cold_seconds(parameters: Parameters) -> float:
    """Return the additional seconds of a cold run."""
    return measured.COLD_START_SECONDS + measured.IMPORT_CPU_SECONDS / parameters.share
