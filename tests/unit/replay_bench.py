"""A replay with fakes, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from eventdrain.replay import RateLimit, Replay, ReplayReport, Selection
from tests import virtual_time
from tests.deliveries import delivery_of
from tests.fakes import FakeSink
from tests.replay_archive import FakeArchive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.events import Delivery
    from eventdrain.ports import Sink
    from eventdrain.replay import Checkpoint

DAY: Final = 24 * 3600
STREAM: Final = "handset_change"
ALL: Final = Selection((STREAM,))
SLOW: Final = 10
"""A rate in events per second, and the size of a slice at this rate."""


@dataclass
class Run:
    """One run and its results."""

    archive: FakeArchive
    sink: FakeSink = field(default_factory=FakeSink)
    selection: Selection = ALL
    rate: float = 0
    after: Checkpoint | None = None
    until: float = float("inf")
    stop_at: float | None = None
    checkpoints: list[Checkpoint] = field(default_factory=list)
    seconds: float = 0.0

    def run(self, publishers: dict[str, Sink] | None = None) -> ReplayReport:
        """Run it in virtual time."""
        return virtual_time.run(self._run(publishers))

    async def _run(self, publishers: dict[str, Sink] | None) -> ReplayReport:
        report = ReplayReport("made-up", is_dry_run=False)
        replay = Replay(
            archive=self.archive,
            publishers=publishers or dict.fromkeys(self.selection.event_types, self.sink),
            selection=self.selection,
            rate=RateLimit(self.rate),
            report=report,
            digest="made-up",
            after=self.after,
            until=self.until,
            on_checkpoint=self.checkpoints.append,
            clock=virtual_time.now,
        )
        if self.stop_at is not None:
            asyncio.get_running_loop().call_later(self.stop_at, replay.stop)
        await replay.run()
        self.seconds = virtual_time.now()
        return report

    @property
    def sent(self) -> list[str]:
        """The ids of the sent events, in order."""
        return [event_id for call in self.sink.calls for event_id in call]

    def taken_up(self, **changes: Any) -> Run:
        """Return a run that continues where this one ended, with a new sink."""
        return replace(
            self,
            **{
                "sink": FakeSink(),
                "after": self.checkpoints[-1] if self.checkpoints else self.after,
                "checkpoints": [],
                "stop_at": None,
                "until": float("inf"),
            }
            | changes,
        )


def filled(*batches: Sequence[Delivery], **options: Any) -> FakeArchive:
    """Return an archive with some batches."""
    archive = FakeArchive(**options)
    for batch in batches:
        archive.put(batch)
    return archive


def events(indexes: range) -> list[Delivery]:
    """Return events, one a second."""
    return [delivery_of(index) for index in indexes]


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    """Return their ids."""
    return [each.event_id for each in deliveries]


def of_country_change(delivery: Delivery) -> Delivery:
    """Return a delivery as one of another stream."""
    return delivery._replace(
        event_type="country_change", line=delivery.line.replace(STREAM, "country_change")
    )
