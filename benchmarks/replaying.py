"""Measures a replay to the queue of an embedded AWS."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import runs
from benchmarks.processes import BenchError, run
from benchmarks.results import Measure
from simulator.aws import EmbeddedAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BUCKET: Final = "bench"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured.

    Attributes:
        rounds: How often; figures are medians, the ratio is computed within a round.
        events: In the archive, and in the drain that the replay is compared with.
    """

    rounds: int
    events: int


FULL: Final = Amount(rounds=5, events=5_000)
QUICK: Final = Amount(rounds=1, events=400)


def replay(amount: Amount, log: Callable[[str], None]) -> list[Measure]:
    """Measure replays, and a drain beside each.

    The CPU time is that of the replaying process. It includes TLS, that of the drain doesn't. The
    embedded AWS is another process, and limits the throughput.

    Args:
        amount: How much.
        log: Prints a line after each run.
    """
    replays: list[runs.Run] = []
    drains: list[runs.Run] = []
    with _archive(amount.events) as aws:
        for number in range(amount.rounds):
            replays.append(_replay(aws, f"bench-{number}", amount.events))
            drains.append(runs.drain(amount.events))
            log(
                f"replay: {replays[-1].cpu_micros:.0f} µs of CPU per event,"
                f" {replays[-1].per_second:,.0f} events/s; drain: {drains[-1].cpu_micros:.0f} µs"
            )
    return [
        Measure("CPU per event, replay", median(each.cpu_micros for each in replays), "µs"),
        Measure(
            "CPU, replay / drain",
            median(
                one.cpu_micros / other.cpu_micros
                for one, other in zip(replays, drains, strict=True)
            ),
        ),
        Measure(
            "throughput, replay to an embedded queue",
            median(each.per_second for each in replays),
            "/s",
        ),
    ]


@contextmanager
def _archive(events: int) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS whose bucket holds archived events."""
    with EmbeddedAws() as aws:
        s3 = aws.client("s3")
        s3.create_bucket(
            Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
        )
        s3.close()
        run(
            "archived_events",
            *("--bucket", _BUCKET, "--events", str(events)),
            env=aws.environment(),
        )
        yield aws


def _replay(aws: EmbeddedAws, queue_name: str, events: int) -> runs.Run:
    """Run a replay to a new queue, and check that the queue has all events.

    Raises:
        BenchError: The number of events in the queue is wrong.
    """
    sqs = aws.client("sqs")
    queue_url = sqs.create_queue(QueueName=queue_name)["QueueUrl"]
    result = run(
        "whole_replay",
        *("--bucket", _BUCKET, "--queue-url", queue_url),
        env=aws.environment(),
    )
    attributes = sqs.get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    sqs.close()
    report = result.figures["report"]
    queued = int(attributes["ApproximateNumberOfMessages"])
    if report["end_reason"] != "done" or queued != events:
        raise BenchError(f"a replay sent {queued} events, not {events}: {report}")
    return runs.Run.of(result, events)
