"""A replay of the archive, in several runs, beside the drain that writes into it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from eventdrain.errors import ConfigurationError
from eventdrain.replay import Checkpoint, RateLimit, Replay, ReplayEnd, ReplayReport, Selection
from tests.simulation.machine import Process
from tests.simulation.sinks import BucketReader, Queue, QueueSink
from tests.simulation.world import STARTED_AT

if TYPE_CHECKING:
    from tests.simulation.cloud import Cloud


class PlannedReplay(Struct, frozen=True, kw_only=True):
    """A replay in a schedule.

    Attributes:
        at: When its first run starts, in seconds.
        seconds: How long each run may take.
        bound: The end of its range, in milliseconds since the start; None for no bound.
        per_second: Its rate; 0 for no limit.
        damages: Whether its checkpoints are damaged as they are saved.
        erases: Whether the object of its checkpoint is erased between its runs.
        copies: Whether a copy of an event that is still to be sent appears before its checkpoint.
    """

    at: float
    seconds: float
    bound: int | None
    per_second: float
    damages: bool
    erases: bool = False
    copies: bool = False


_LONG_SECONDS: Final = 10_000.0
_DIGEST: Final = "made-up"


class ReplayRuns:
    """One replay, as a schedule has it: runs of a limited time until the faults are over, one more.

    A run may die. Its checkpoints are saved, as the command line does.

    Args:
        cloud: The account.
        plan: What the schedule says about it.
    """

    def __init__(self, cloud: Cloud, plan: PlannedReplay) -> None:
        self._cloud = cloud
        self._plan = plan
        self._queue = Queue(cloud.world, cloud.archive)
        bound = None if plan.bound is None else timedelta(milliseconds=plan.bound)
        self._until = None if bound is None else STARTED_AT + bound
        self.checkpoint: Any = None
        self._expected: set[str] = set()
        self._keys_at_checkpoint: set[str] = set()
        self._done: frozenset[str] = frozenset()
        self._is_complete = False
        self._has_changed = False

    async def live(self) -> None:
        """Replay what is in the archive when the first run starts."""
        world = self._cloud.world
        await asyncio.sleep(self._plan.at)
        self._expected = self._selected(self._lines())
        while not (self._is_complete or world.are_faults_over):
            await self._run(self._plan.seconds)
            if self.checkpoint:
                self._change_folder(self.checkpoint["key"])
            await asyncio.sleep(1.0)
        if not self._is_complete:
            await self._run(_LONG_SECONDS)
        if not self._is_complete:
            world.violate("the replay is not complete, though the faults are over")

    def _change_folder(self, key: str) -> None:
        """Change the folder of the checkpoint, as erasure and late writes do."""
        archive, folder = self._cloud.archive, key.rpartition("/")[0]
        later = [each for each in archive.objects if each > key and each.startswith(folder)]
        if self._plan.copies and later:
            archive.objects.setdefault(f"{folder}/!", archive.objects[max(later)])
        if self._plan.erases:
            archive.erase(key)

    async def _run(self, seconds: float) -> None:
        world, bucket = self._cloud.world, self._cloud.archive
        process = self._cloud.replaying = Process("replay")
        report = ReplayReport("made-up", is_dry_run=False)
        process.confirmed["queue"] |= self._done
        self._has_changed |= bool(self.checkpoint) and self._lines() != self._keys_at_checkpoint
        self._queue.done = frozenset() if self._has_changed else self._done
        died = asyncio.Event()
        process.on_death = died.set
        world.note("replay", "starts at %s", self.checkpoint)
        try:
            saved = self.checkpoint and Checkpoint.from_json(self.checkpoint, selection=_DIGEST)
        except ConfigurationError:
            saved = None  # as the error asks for
            self._queue.done = frozenset()
        sink = QueueSink(self._queue, process, events_per_message=1)
        replay = Replay(
            archive=BucketReader(bucket),
            publishers={self._cloud.settings.event_type: sink},
            selection=Selection((self._cloud.settings.event_type,), until=self._until),
            rate=RateLimit(self._plan.per_second),
            report=report,
            digest=_DIGEST,
            after=saved,
            until=world.time + seconds,
            on_checkpoint=self._save,
            clock=lambda: world.time,
        )
        work = world.machine.create_task(replay.run(), context=process.context)
        dying = world.machine.create_task(died.wait())
        await asyncio.wait([work, dying], return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if work.done():
            process.has_ended = True
            self._check(report)

    def _check(self, report: ReplayReport) -> None:
        """Check a run that has not died."""
        world = self._cloud.world
        world.note("replay", "ends: %s", report.end_reason)
        if "report this bug" in (report.error or ""):
            world.violate(f"the replay has met a bug: {report.error}")
        if report.end_reason is not ReplayEnd.DONE:
            return
        self._is_complete = True
        counts = (report.unreadable, report.left_out, report.duplicates, report.events)
        # An object that has gone counts as unreadable.
        if not 0 <= sum(counts) - report.lines <= len(self._cloud.archive.erased):
            world.violate(f"the replay does not reconcile: {report.as_json()}")
        gone = {each.event_id for some in self._cloud.archive.erased.values() for each in some}
        for event_id in self._expected - gone - self._queue.ever.keys():
            world.violate(f"the replay has not sent {event_id}: {report.as_json()}")
        for event_id in self._queue.ever.keys() - self._selected(self._lines()) - gone:
            world.violate(f"the replay has sent {event_id}, which it should not")

    def _lines(self) -> set[str]:
        """Return the keys of objects of lines."""
        return {key for key in self._cloud.archive.objects if key.startswith("events/")}

    def _selected(self, keys: set[str]) -> set[str]:
        """Return the ids of the selected events in some objects."""
        until, objects = self._until, self._cloud.archive.objects
        return {
            each.event_id
            for key in keys
            for each in objects[key]
            if until is None or datetime.fromisoformat(each.event_time or "") < until
        }

    def _save(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint.as_json()
        self.checkpoint["lines"] += self._plan.damages
        self._done = frozenset(self._cloud.replaying.confirmed["queue"])
        self._keys_at_checkpoint = self._lines()
