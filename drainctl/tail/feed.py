"""What is new in a stack: the events in new objects of its archive, and the runs in its log."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from msgspec import Struct

from drainctl.errors import CommandError
from eventdrain.adapters.boto import describe_error, error_hint
from eventdrain.events import ArchiveKey
from eventdrain.json_shape import parse_json
from eventdrain.replay import read_line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client

    from drainctl.stack import Stack
    from eventdrain.events import Delivery

_EVENT_AGE: Final = timedelta(hours=1)
"""How much older than its arrival an event may be to be found before its run has ended. Keys hold
the time of an event, so this bounds the keys that each poll lists."""
_LOG_DELAY: Final = timedelta(minutes=5)
"""How late CloudWatch Logs may show a line."""
_REPORTS: Final = '{ $.report.event_type = "*" }'
_GONE: Final = "NoSuchKey"


class _Record(Struct):
    run_id: str
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended.

    Attributes:
        ended: When it ended.
        report: Its report, which holds no personal data; see ``eventdrain.drain.Report``.
    """

    ended: datetime
    report: dict[str, Any]

    @property
    def oldest_event(self) -> datetime:
        """A time that is not after the run's oldest event."""
        seconds = self.report["oldest_event_age_seconds"] + self.report["run_seconds"]
        return self.ended - timedelta(seconds=seconds)


class Feed:
    """The events and runs of a stack from a time on, each of them once.

    Args:
        s3: Reads the archive.
        logs: Reads the log of runs.
        stack: The stack.
        event_types: The streams to look at.
        since: Objects that were written earlier, and runs that ended earlier, are left out.
    """

    def __init__(
        self,
        s3: S3Client,
        logs: CloudWatchLogsClient,
        stack: Stack,
        event_types: Sequence[str],
        since: datetime,
    ) -> None:
        self._s3 = s3
        self._logs = logs
        self._bucket, self._prefix = stack.bucket, stack.prefix
        self._group = stack.output("DrainEventsLogGroupName")
        self._event_types = event_types
        self._since = since.replace(microsecond=0)  # as precise as S3's times
        self._polled = self._since
        self._seen: set[str] = set()

    def poll(self) -> Iterator[Delivery | Run]:
        """Yield the events and runs that are new since the last poll, in order of arrival.

        Raises:
            CommandError: A call failed.
            UnreadableLine: An object is not one that the drain wrote.
        """
        now = datetime.now(UTC)
        runs = self._runs()  # before the objects, so that none of a run that ended is missed
        found: list[tuple[datetime, str | Run]] = [(run.ended, run) for run in runs]
        for event_type in self._event_types:
            of_stream = [run for run in runs if run.report["event_type"] == event_type]
            oldest = min([self._polled - _EVENT_AGE, *(run.oldest_event for run in of_stream)])
            found += self._objects(event_type, oldest)
        # S3 gives whole seconds: at the same time, an event comes before the run that archived it.
        for _, new in sorted(found, key=lambda each: (each[0], isinstance(each[1], Run))):
            if isinstance(new, Run):
                yield new
            else:
                yield from self._events(new)
        self._polled = now

    def _runs(self) -> list[Run]:
        since = max(self._since, self._polled - _LOG_DELAY)
        with _calling("logs:FilterLogEvents", f"the log group {self._group}"):
            lines = [
                line
                for page in self._logs.get_paginator("filter_log_events").paginate(
                    logGroupName=self._group,
                    startTime=int(since.timestamp() * 1000),
                    filterPattern=_REPORTS,
                )
                for line in page["events"]
            ]
        records = ((parse_json(line["message"], _Record), line["timestamp"]) for line in lines)
        return [
            Run(datetime.fromtimestamp(ended / 1000, UTC), record.report)
            for record, ended in records
            if record is not None
            and record.report["event_type"] in self._event_types
            and self._is_new(f"{record.run_id} {ended}")
        ]

    def _objects(self, event_type: str, oldest: datetime) -> Iterator[tuple[datetime, str]]:
        """Yield the new objects of a stream whose first event is not older than a time."""
        name = f"{oldest:%Y%m%dT%H%M%S}"
        first = ArchiveKey(self._prefix, event_type, f"{oldest:%Y-%m-%d}", name).format()
        with _calling("s3:ListBucket", f"the bucket {self._bucket}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}/{event_type}/", StartAfter=first
            ):
                for each in page.get("Contents", ()):
                    key = ArchiveKey.parse(each["Key"])
                    if key is None or not key.holds_lines or each["LastModified"] < self._since:
                        continue
                    if self._is_new(each["Key"]):
                        yield each["LastModified"], each["Key"]

    def _events(self, key: str) -> Iterator[Delivery]:
        with _calling("s3:GetObject", f"the bucket {self._bucket}"):
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] == _GONE:  # deleted since it was listed
                    return
                raise
        events = map(read_line, read_lines(body))
        yield from (event for event in events if self._is_new(event.event_id))

    def _is_new(self, identifier: str) -> bool:
        is_new = identifier not in self._seen
        self._seen.add(identifier)
        return is_new


@contextmanager
def _calling(action: str, what: str) -> Iterator[None]:
    """Convert the errors of AWS's services, without their texts, which may name the caller."""
    try:
        yield
    except ClientError as error:
        raise CommandError(
            f"{action} of {what} failed with {describe_error(error)}",
            error_hint(error, "check that you have the rights in docs/doctor.md, and try again"),
        ) from None
