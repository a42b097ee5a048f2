"""Observes a running stack: the event server, the archive, queues and logs."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from eventdrain.events import ArchiveKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.aws import Run
    from simulator.deployment import LocalDeployment

_PREFIX: Final = "events"
_RUNS_SEEN: Final = timedelta(minutes=10)
_MOST_RUNS: Final = 5
_HISTORY: Final = timedelta(minutes=45)
"""Longer than the event server keeps events, so that older keys are already counted."""


class Observer:
    """Observes a stack repeatedly.

    Args:
        deployment: The stack and the servers.
        event_types: Its streams.
    """

    def __init__(self, deployment: LocalDeployment, event_types: Sequence[str]) -> None:
        self._deployment = deployment
        self._event_types = event_types
        self._s3 = deployment.aws.client("s3")
        self._sqs = deployment.aws.client("sqs")
        self._counted: set[str] = set()
        self._archived = {"lines": 0, "objects": 0, "bytes": 0}

    def events(self) -> dict[str, Any]:
        """Return the event server's counts, and the age of the oldest event without an ack."""
        server = self._deployment.event_server
        counts = server.counts()
        return {
            "published": counts["published"],
            "waiting": counts["published"] - counts["delivered"],
            "in_flight": counts["delivered"] - counts["acked"],
            "acked": counts["acked"],
            "redeliveries": counts["redeliveries"],
            "lag_seconds": round(server.lag_seconds(), 1),
        }

    def archive(self) -> dict[str, int]:
        """Return how many lines, objects and bytes were written; each object is read once."""
        bucket = self._deployment.stack.outputs["ArchiveBucketName"]
        for key, size in self._new_objects(bucket):
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            self._counted.add(key)
            self._archived["lines"] += gzip.decompress(body).count(b"\n")
            self._archived["objects"] += 1
            self._archived["bytes"] += size
        return dict(self._archived)

    def _new_objects(self, bucket: str) -> Iterator[tuple[str, int]]:
        start = datetime.now(UTC) - _HISTORY
        pages = self._s3.get_paginator("list_objects_v2")
        for event_type in self._event_types:
            oldest = ArchiveKey(_PREFIX, event_type, f"{start:%Y-%m-%d}", f"{start:%Y%m%dT%H%M%S}")
            prefix = f"{_PREFIX}/{event_type}/"
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=oldest.format()):
                for item in page.get("Contents", ()):
                    if item["Key"] not in self._counted:
                        yield item["Key"], item["Size"]

    def queues(self) -> dict[str, dict[str, int]]:
        """Return the messages of each queue of events, by the name of the queue's output."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        depths = {}
        for output, url in self._deployment.stack.queue_urls.items():
            found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
            waiting, received = (int(found["Attributes"][name]) for name in names)
            depths[output] = {"waiting": waiting, "received": received}
        return depths

    def runs(self) -> list[dict[str, Any]]:
        """Return the last runs' reports, the latest first, each with the time of its end."""
        since = datetime.now(UTC) - _RUNS_SEEN
        reports = [each for run in self._deployment.stack.runs(since) for each in _reports(run)]
        return reports[: -_MOST_RUNS - 1 : -1]


def _reports(run: Run) -> Iterator[dict[str, Any]]:
    for record in run.records:
        if "report" in record:
            yield {"ended": record["timestamp"], **record["report"]}
