"""The objects of a made-up archive, as the engine writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from eventdrain.events import ArchiveLayout, Delivery, by_object, object_body
from tests.archive.arrivals import arrivals
from tests.archive.payloads import json_text
from tests.archive.times import arrival, arrival_text, event_time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.archive.facts import MadeUpLine
    from tests.archive.plan import ArchivePlan

_LAYOUT: Final = ArchiveLayout(bucket="", prefix="events", quarantine_prefix="quarantine")
_MINUTE: Final = 60_000


class ArchiveObject(NamedTuple):
    """One object of the archive.

    Attributes:
        key: Its name in the bucket.
        lines: The facts of its lines, in their order.
        deliveries: What the engine writes it of.
    """

    key: str
    lines: list[MadeUpLine]
    deliveries: list[Delivery]

    def body(self) -> bytes:
        """Write its content."""
        return object_body(self.deliveries)


class Written(NamedTuple):
    """How much an archive is.

    Attributes:
        objects: How many objects.
        lines: How many lines in them.
        size: How many bytes they have, compressed.
    """

    objects: int
    lines: int
    size: int


def made_up_objects(plan: ArchivePlan) -> Iterator[ArchiveObject]:
    """Make up the objects of an archive, stream by stream, in the order of their writing.

    No object is ever written twice: where the very same events come again, the engine finds them
    there and writes nothing, and so there is no such object here either.
    """
    for event_type in plan.streams:
        keys = set()
        for lines in arrivals(plan, event_type):
            for batch in _batches(lines, plan):
                by_id = {line.event.event_id: line for line in batch}
                for deliveries in by_object(map(delivery, batch)):
                    key = _LAYOUT.key(deliveries)
                    if key not in keys:
                        keys.add(key)
                        facts = [by_id[each.event_id] for each in deliveries]
                        yield ArchiveObject(key, facts, deliveries)


def write_archive(
    plan: ArchivePlan,
    folder: Path,
    on_object: Callable[[ArchiveObject], None] = lambda _: None,
) -> Written:
    """Write an archive to a folder, which is made if there is none.

    Args:
        plan: What kind of archive.
        folder: Where the keys begin.
        on_object: Called with each object that has been written.

    Raises:
        FileExistsError: There is something in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    objects = lines = size = 0
    for each in made_up_objects(plan):
        path = folder / each.key
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_bytes(each.body())
        objects += 1
        lines += len(each.lines)
        on_object(each)
    return Written(objects, lines, size)


def delivery(line: MadeUpLine) -> Delivery:
    """Make what the engine reads from the message of a line."""
    event = line.event
    event_time = None if event.time is None else event_time_text(event.time)
    shown_time = "null" if event_time is None else f'"{event_time}"'
    subscription_id = event.subscription_id
    shown_id = "null" if subscription_id is None else f'"{subscription_id}"'
    return Delivery(
        event_id=event.event_id,
        event_type=event.event_type,
        ack_info="",
        event_time=event_time,
        subscription_id=subscription_id or "",
        redelivered=line.redelivered,
        received_at=arrival(line.received_at),
        line=(
            f'{{"event_id":"{event.event_id}","event_type":"{event.event_type}",'
            f'"event_time":{shown_time},"subscription_id":{shown_id},'
            f'"redelivered":{"true" if line.redelivered else "false"},'
            f'"received_at":"{arrival_text(line.received_at)}","event":{json_text(event.payload)}}}'
        ),
    )


def _batches(lines: list[MadeUpLine], plan: ArchivePlan) -> Iterator[list[MadeUpLine]]:
    """Cut the lines of a day into what is committed together; copies never are."""
    batch: list[MadeUpLine] = []
    ids: set[str] = set()
    slice_length = plan.slice_minutes * _MINUTE
    current = -1
    for line in lines:
        its_slice = line.received_at // slice_length
        is_full = len(batch) == plan.lines_per_object
        if batch and (is_full or its_slice != current or line.event.event_id in ids):
            yield batch
            batch, ids = [], set()
        batch.append(line)
        ids.add(line.event.event_id)
        current = its_slice
    if batch:
        yield batch
