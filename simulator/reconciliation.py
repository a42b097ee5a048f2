"""Reconciles the events that were acked at the event server, are in S3, and were sent to SQS.

The same events must be in all three. They are compared by event id, which is computed here from the
server's record, independently of the function.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from eventdrain.events import STREAMS, DeliveryReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from simulator.event_server import LedgerSnapshot

_RECEIVERS: Final = 8
_NO_DELIVERY: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Reconciliation:
    """The events of each place, by event id.

    Attributes:
        published: Events that the event server published.
        acked: Events acked at the event server.
        archived: Lines of each event in S3.
        queued: Occurrences of each event in messages received from SQS.
    """

    published: set[str] = field(default_factory=set)
    acked: set[str] = field(default_factory=set)
    archived: Counter[str] = field(default_factory=Counter)
    queued: Counter[str] = field(default_factory=Counter)

    @property
    def copies(self) -> int:
        """The number of duplicate lines and messages."""
        lines, messages = self.archived, self.queued
        return lines.total() - len(lines) + messages.total() - len(messages)

    @property
    def is_balanced(self) -> bool:
        """Whether all published events are in S3, in SQS and acked, and no others."""
        return (
            self.published == self.acked == self.archived.keys()
            and self.archived.keys() == self.queued.keys()
        )


def event_ids(ledger: LedgerSnapshot, numbers: Iterable[int]) -> set[str]:
    """Compute the event ids of some of the server's events."""
    readers = {name: DeliveryReader(stream) for name, stream in STREAMS.items()}
    events = (ledger.events[number].event for number in numbers)
    deliveries = (readers[each.event_type].read(each.undelivered, _NO_DELIVERY) for each in events)
    return {delivery.event_id for delivery in deliveries if delivery is not None}


def archive_keys(s3: S3Client, bucket: str) -> Iterator[tuple[str, int]]:
    """List an archive: each object's key and its size in bytes."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            yield item["Key"], item["Size"]


def archive_lines(s3: S3Client, bucket: str) -> Iterator[dict[str, Any]]:
    """Read every line of an archive; events in quarantine have none.

    Raises:
        AssertionError: An object doesn't end in a newline.
    """
    for key, _ in archive_keys(s3, bucket):
        if not key.endswith(".gz"):
            continue
        body = gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        assert body.endswith(b"\n"), f"{key} doesn't end in a newline"
        yield from map(json.loads, body.splitlines())


def take_messages(sqs: SQSClient, queue_url: str) -> list[dict[str, Any]]:
    """Receive and delete every message of a queue; return the messages in SQS's form."""

    def take() -> list[Any]:
        taken: list[Any] = []
        while messages := sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        ).get("Messages"):
            sqs.delete_message_batch(
                QueueUrl=queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(messages)
                ],
            )
            taken += messages
        return taken

    with ThreadPoolExecutor(_RECEIVERS) as threads:
        takers = [threads.submit(take) for _ in range(_RECEIVERS)]
        return [message for taker in takers for message in taker.result()]


def message_lines(body: str) -> list[dict[str, Any]]:
    """Parse the body of a message: a line, several lines, or a pointer."""
    return [json.loads(line) for line in body.split("\n")]


def reconcile(
    ledger: LedgerSnapshot, lines: Iterable[dict[str, Any]], messages: Iterable[dict[str, Any]]
) -> Reconciliation:
    """Return the reconciliation of the three places."""
    return Reconciliation(
        published=event_ids(ledger, ledger.events),
        acked=event_ids(ledger, ledger.acked),
        archived=Counter(line["event_id"] for line in lines),
        queued=Counter(
            line["event_id"] for message in messages for line in message_lines(message["Body"])
        ),
    )
