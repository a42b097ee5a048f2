"""The archive and the queue as services with state, the ports over them, and their consumers."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Final, Never

from eventdrain.errors import ArchiveReadError
from eventdrain.events import (
    MAX_MESSAGE_BYTES,
    ArchiveLayout,
    group_by_object,
    messages,
    object_body,
    pack,
)
from eventdrain.ports import Folder, StoredObject
from tests.simulation.world import Call, Point

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from eventdrain.errors import Failure
    from eventdrain.events import Delivery, Message
    from tests.simulation.machine import Process, T
    from tests.simulation.world import World

LAYOUT: Final = ArchiveLayout("made-up-bucket", "events", "quarantine")
_PAGE: Final = 3
_MOST_MESSAGES: Final = 10


class Bucket:
    """The archive's bucket.

    Attributes:
        objects: The deliveries of each object, by key.
        ever: How many objects have held each event, by event id.
        erased: What erased objects held, by key.
        erasures: How many objects were erased.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.objects: dict[str, Sequence[Delivery]] = {}
        self.ever: Counter[str] = Counter()
        self.erased: dict[str, Sequence[Delivery]] = {}
        self.erasures = 0

    def put(self, key: str, deliveries: Sequence[Delivery]) -> None:
        """Store an object, unless its key exists. One that was erased is stored again."""
        if key not in self.objects:
            self.objects[key] = deliveries
            self.ever.update(each.event_id for each in deliveries)

    def body(self, key: str) -> bytes | None:
        """Return an object's stored body; None if the object does not exist."""
        return object_body(self.objects[key]) if key in self.objects else None

    def erase(self, key: str) -> None:
        """Delete an object, if it exists."""
        if key in self.objects:
            self.world.note("erasure", "deletes %s", key)
            self.erased[key] = self.objects.pop(key)
            self.erasures += 1

    def compact(self) -> None:
        """Delete the objects of the first day, as the compaction does once its table has them."""
        folders = {key.rpartition("/")[0] for key in self.objects}
        first = min((each for each in folders if "/dt=" in each), default=None)
        for key in [key for key in self.objects if key.rpartition("/")[0] == first]:
            self.erase(key)


class Queue:
    """The queue.

    Attributes:
        messages: Messages that no consumer has deleted.
        ever: How many messages have held each event, by event id.
        consumed: The events that a consumer has handled, by event id.
        done: The events that a checkpoint of a replay has passed, which must not come again.
    """

    def __init__(self, world: World, bucket: Bucket) -> None:
        self.world = world
        self._bucket = bucket
        self.messages: list[Message] = []
        self.ever: Counter[str] = Counter()
        self.consumed: set[str] = set()
        self.done: frozenset[str] = frozenset()

    def send(self, message: Message) -> None:
        """Accept a message."""
        if "pointer" in message.attributes:
            key = json.loads(message.body)["s3"]["key"]
            if key not in self._bucket.objects and key not in self._bucket.erased:
                self.world.violate(f"a message points to {key}, which is not in the archive")
        self.messages.append(message)
        self.ever.update(message.event_ids)
        for event_id in self.done & {*message.event_ids}:
            self.world.violate(f"the replay sends {event_id} again, which a checkpoint has passed")

    def consume(self, *, dies: bool) -> None:
        """Let a consumer handle a batch, and delete it unless it dies."""
        for message in self.messages[:10]:
            self.consumed.update(message.event_ids)
        if not dies:
            del self.messages[:10]


class _Sink(ABC):
    """Writes for a process, checks what it writes, and records what is confirmed.

    Args:
        name: The sink's name.
        world: The world.
        process: The process that writes.
    """

    def __init__(self, name: str, world: World, process: Process) -> None:
        self._name = name
        self._world = world
        self._process = process

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """See ``ports.Sink``."""
        assert deliveries, "called without events"
        world, process, sink = self._world, self._process, self._name
        ids = {each.event_id for each in deliveries}
        if len(ids) < len(deliveries):
            world.violate(f"{process.name} writes an event twice in one call of the {sink}")
        for each in deliveries:
            process.committing_since.setdefault(each.ack_info, world.time)
            name = process.name_of(each)
            if name and process.has_written(sink, name):
                world.violate(f"{process.name} writes {name} to the {sink} again")
        handles = [each.ack_info for each in deliveries]
        world.note(process.name, "writes %s to the %s", handles, sink)
        try:
            failed = await self._write_all(deliveries)
        except asyncio.CancelledError:
            process.note_cut_off(sink, deliveries, world.time)
            raise
        process.confirmed[sink].update(ids - failed.keys())
        for each in deliveries:
            process.note_written(sink, each, failed.get(each.event_id), world.time)
        return failed

    @abstractmethod
    async def _write_all(self, deliveries: Sequence[Delivery]) -> dict[str, Failure]:
        """Write in as many calls as it takes; return the failures by event id."""


async def _gather(writes: Sequence[Awaitable[dict[str, Failure]]]) -> dict[str, Failure]:
    """Await calls side by side; return the failures of all."""
    if len(writes) == 1:
        return await writes[0]
    return {
        event_id: each for some in await asyncio.gather(*writes) for event_id, each in some.items()
    }


class ArchiveSink(_Sink):
    """Writes to the bucket; see ``ports.Sink``."""

    def __init__(self, bucket: Bucket, process: Process) -> None:
        super().__init__("archive", bucket.world, process)
        self._bucket = bucket

    async def _write_all(self, deliveries: Sequence[Delivery]) -> dict[str, Failure]:
        return await _gather([self._put(group) for group in group_by_object(deliveries)])

    async def _put(self, group: Sequence[Delivery]) -> dict[str, Failure]:
        def perform() -> dict[str, Failure]:
            self._bucket.put(LAYOUT.key(group), group)
            return {}

        def failed(answer: Failure) -> dict[str, Failure]:
            return {each.event_id: answer for each in group}

        return await self._world.call(Call(Point.PUT, perform, failed))


class QueueSink(_Sink):
    """Sends to the queue; see ``ports.Sink``."""

    def __init__(self, queue: Queue, process: Process, *, events_per_message: int) -> None:
        super().__init__("queue", queue.world, process)
        self._queue = queue
        self._events_per_message = events_per_message

    async def _write_all(self, deliveries: Sequence[Delivery]) -> dict[str, Failure]:
        made = messages(deliveries, LAYOUT, events_per_message=self._events_per_message)
        return await _gather([self._send(batch) for batch in pack(made)])

    async def _send(self, batch: Sequence[Message]) -> dict[str, Failure]:
        world, queue = self._world, self._queue
        if len(batch) > _MOST_MESSAGES or sum(each.size for each in batch) > MAX_MESSAGE_BYTES:
            world.violate("a call of SQS exceeds its limits")

        def perform() -> dict[str, Failure]:
            for message in batch:
                queue.send(message)
            return {}

        def failed(answer: Failure) -> dict[str, Failure]:
            return {event_id: answer for message in batch for event_id in message.event_ids}

        def partly(answer: Failure) -> dict[str, Failure]:
            *some, last = batch
            left = [message for message in some if world.chance.random() < 0.5] + [last]
            for message in some:
                if message not in left:
                    queue.send(message)
            return {event_id: answer for message in left for event_id in message.event_ids}

        return await world.call(Call(Point.SEND, perform, failed, partly))


class BucketReader:
    """Lists and reads the bucket; see ``ports.ArchiveReader``."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def days(self, event_type: str) -> Sequence[str]:
        """See ``ports.ArchiveReader``."""
        prefix = f"{LAYOUT.prefix}/{event_type}/dt="
        return await self._read(
            lambda: sorted({key[len(prefix) :][:10] for key in self._keys(prefix)})
        )

    async def objects(self, folder: Folder, *, after: str) -> Sequence[StoredObject]:
        """See ``ports.ArchiveReader``."""

        def page() -> Sequence[StoredObject]:
            keys = self._keys(f"{LAYOUT.prefix}/{folder.event_type}/dt={folder.day}/")
            found = sorted(key for key in keys if key > after)
            return [StoredObject(key, len(self._bucket.body(key) or b"")) for key in found[:_PAGE]]

        return await self._read(page)

    async def read(self, key: str) -> bytes | None:
        """See ``ports.ArchiveReader``."""
        return await self._read(lambda: self._bucket.body(key))

    def _keys(self, prefix: str) -> list[str]:
        return [key for key in self._bucket.objects if key.startswith(prefix)]

    async def _read(self, perform: Callable[[], T]) -> T:
        return await self._bucket.world.call(Call(Point.READ, perform, _raise_unreadable))


def _raise_unreadable(answer: Failure) -> Never:
    raise ArchiveReadError(answer)
