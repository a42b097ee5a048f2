"""Replay jobs: which events to send again, from which archive to which queues, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventdrain.errors import ConfigurationError
from eventdrain.events import ArchiveLayout, is_fifo, max_events_per_message, milliseconds
from eventdrain.replay.checkpoint import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from eventdrain.replay.checkpoint import Checkpoint
    from eventdrain.replay.selection import Selection


def replay_name(name: str | None, after: Checkpoint | None, now: datetime) -> str:
    """Return the name of a replay, which is the same for all of its runs.

    Args:
        name: The requested name; None for the default, the replay's start time.
        after: The checkpoint of an earlier run; None for the first run.
        now: The current time, UTC.

    Raises:
        ConfigurationError: The name is invalid, or it differs from the earlier run's.
    """
    if name is not None:
        check_name(name)
    if after is None:
        return milliseconds(now) if name is None else name
    if name not in {None, after.replay}:
        raise ConfigurationError(
            f"the checkpoint belongs to the replay {after.replay!r}, not {name!r}",
            hint="leave out the name, or start again without this checkpoint",
        )
    return after.replay


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayJob:
    """One replay, which may take several runs.

    Attributes:
        selection: The events to replay.
        bucket: The archive's bucket.
        prefix: The key prefix of objects of lines, without a trailing slash.
        queue_urls: The queue URL for each of the selection's streams, by event type.
        events_per_message: The maximum number of events in a message.
        rate: Events per second; 0 for no limit.
        is_dry_run: Whether to count the messages instead of sending them.
        archive_hint: The hint for permanent failures of the archive.
        queue_hint: The hint for permanent failures of a queue.
    """

    selection: Selection
    bucket: str
    prefix: str
    queue_urls: Mapping[str, str]
    events_per_message: int
    rate: float
    is_dry_run: bool
    archive_hint: str
    queue_hint: str

    def check(self) -> None:
        """Check the job as far as possible without calling a service.

        Raises:
            ConfigurationError: The job is invalid.
        """
        selection = self.selection
        if selection.since and selection.until and selection.since >= selection.until:
            raise ConfigurationError(
                "the time range is empty", hint="choose an end that is after the start"
            )
        fifo = sorted(filter(is_fifo, self.queue_urls.values()))
        if fifo and self.events_per_message > max_events_per_message(is_fifo=True):
            raise ConfigurationError(
                f"{fifo[0]} is a FIFO queue, which does not support several events per message",
                hint="set --events-per-message, or the function's EVENTS_PER_MESSAGE, to 1",
                setting="EVENTS_PER_MESSAGE",
            )

    @property
    def layout(self) -> ArchiveLayout:
        """The archive that pointers point to."""
        return ArchiveLayout(self.bucket, self.prefix)

    @property
    def digest(self) -> str:
        """The digest of the job for checkpoints. A dry run's digest differs from a real run's."""
        places = {f"queue of {name}": url for name, url in self.queue_urls.items()}
        return self.selection.digest(
            {
                "archive": f"s3://{self.bucket}/{self.prefix}",
                "is_dry_run": str(self.is_dry_run),
                **places,
            }
        )
