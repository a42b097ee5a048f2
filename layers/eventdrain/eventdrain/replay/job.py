"""What a replay is told: what to send again, from where to where, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventdrain.errors import ConfigurationError
from eventdrain.events import ArchiveLayout, milliseconds
from eventdrain.replay.checkpoint import check_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from eventdrain.replay.checkpoint import Checkpoint
    from eventdrain.replay.selection import Selection


def replay_name(name: str | None, after: Checkpoint | None, now: datetime) -> str:
    """Give the name that a replay's messages carry: the same for all of its runs.

    Args:
        name: What it shall be called; None for its start.
        after: Where an earlier run of it ended.
        now: The time, UTC.

    Raises:
        ConfigurationError: It can't be a name, or the earlier run had another.
    """
    if name is not None:
        check_name(name)
    if after is None:
        return milliseconds(now) if name is None else name
    if name not in {None, after.replay}:
        raise ConfigurationError(
            f"the replay that the checkpoint belongs to is called {after.replay!r}",
            hint="leave the name out, or begin without this checkpoint",
        )
    return after.replay


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayJob:
    """One replay, however many runs it takes.

    Attributes:
        selection: Which events.
        bucket: The archive's bucket.
        prefix: What the keys of its lines begin with, without a slash at the end.
        queue_urls: Where the events of each of the selection's streams go, by event type.
        events_per_message: How many events a message has at the most.
        rate: Events per second; 0 for no limit.
        is_dry_run: Whether to count only.
        archive_hint: What to do if the archive refuses for good.
        queue_hint: What to do if a queue does.
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
        """Check what can be checked without asking anybody.

        Raises:
            ConfigurationError: It can't work.
        """
        selection = self.selection
        if selection.since and selection.until and selection.since >= selection.until:
            raise ConfigurationError("the range is empty", hint="give an end after its start")
        fifo = sorted({url for url in self.queue_urls.values() if url.endswith(".fifo")})
        if fifo and self.events_per_message > 1:
            raise ConfigurationError(
                f"{fifo[0]} is a FIFO queue, which takes one event in a message",
                hint="give --events-per-message 1, or the function EVENTS_PER_MESSAGE=1",
                setting="EVENTS_PER_MESSAGE",
            )

    @property
    def layout(self) -> ArchiveLayout:
        """Where pointers point."""
        return ArchiveLayout(self.bucket, self.prefix)

    @property
    def digest(self) -> str:
        """Tells this replay from others, for checkpoints; a dry run's are not for sending."""
        places = {f"queue of {name}": url for name, url in self.queue_urls.items()}
        return self.selection.digest(
            {
                "archive": f"s3://{self.bucket}/{self.prefix}",
                "is_dry_run": str(self.is_dry_run),
                **places,
            }
        )
