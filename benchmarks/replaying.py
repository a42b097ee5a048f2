"""How fast archived events are sent again, to the queue of an embedded AWS."""

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
        rounds: How often; figures are medians, the ratio is taken within a round.
        events: In the archive, and in the drain that the replay is held against.
    """

    rounds: int
    events: int


FULL: Final = Amount(rounds=5, events=5_000)
QUICK: Final = Amount(rounds=1, events=400)


def replay(amount: Amount, tell: Callable[[str], None]) -> list[Measure]:
    """Measure whole replays, and a whole drain beside each.

    The CPU time is the replaying process's own, TLS included, which the drain's has not: the
    embedded AWS that reads and queues for it is a process of its own, and bounds the throughput.

    Args:
        amount: How much.
        tell: Is told of each run when it is over.
    """
    replays: list[runs.Run] = []
    drains: list[runs.Run] = []
    with _archive(amount.events) as aws:
        for number in range(amount.rounds):
            replays.append(_replay(aws, f"bench-{number}", amount.events))
            drains.append(runs.drain(amount.events))
            tell(
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
    """Run an AWS whose bucket holds so many events, archived as a drain does."""
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
    """Run a whole replay into a queue of its own, and check that it has all.

    Raises:
        BenchError: It has not.
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
        raise BenchError(f"a replay did not send {events} events but {queued}: {report}")
    return runs.Run.of(result, events)
