"""The objects of a made-up archive, as the engine writes them, with the facts of their lines.

Times are whole numbers since 1970, UTC. Each event becomes a message of the event API, from which
the engine makes lines, keys and event ids.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from eventdrain.events import (
    STREAMS,
    ArchiveLayout,
    Delivery,
    DeliveryReader,
    event_id,
    group_by_object,
    object_body,
)
from simulator.event_server import Event, luhn_digit, made_up_events
from wgtwo.common.v1.phonenumber_pb2 import E164
from wgtwo.common.v1.types_pb2 import ImeiSv, Imsi, SubscriptionIdentifier
from wgtwo.events.v1.events_pb2 import Identifier, Metadata
from wgtwo.subscription.v1.subscription_events_pb2 import Handset, HandsetChangeEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY: Final = 86_400_000
"""Milliseconds of a day."""
_HOUR: Final = 3_600_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAYOUT: Final = ArchiveLayout(bucket="", prefix="events", quarantine_prefix="quarantine")
_LINES_PER_OBJECT: Final = 100
_SHARES: Final = {
    "handset_change": 70,
    "country_change": 8,
    "first_attachment": 5,
    "periodic_country": 12,
    "consent_change": 5,
}
"""How the events are distributed over the streams, in percent."""
_UNDATED: Final = frozenset({"handset_change", "consent_change"})
"""Streams that have an event without a time on each day."""
_MODELS: Final = [f"001001{model:02d}" for model in range(40)]
_POPULARITY: Final = list(accumulate(1 / (rank + 3) for rank in range(len(_MODELS))))


class HandsetChange(NamedTuple):
    """A handset change, by the columns of its view."""

    previous_imei: str | None
    previous_software_version: str | None
    current_imei: str
    current_software_version: str
    imsi: str
    number: str | None


class MadeUpEvent(NamedTuple):
    """One event.

    Attributes:
        event_type: Its stream.
        event_id: Its id, computed by the engine.
        time: Its time in nanoseconds; None if it has none.
        subscription_id: Its subscription; None if it has none.
        change: The handset change; None for events of other streams.
    """

    event_type: str
    event_id: str
    time: int | None
    subscription_id: str | None
    change: HandsetChange | None


class MadeUpLine(NamedTuple):
    """One line of the archive: one delivery of an event.

    Attributes:
        event: The event.
        received_at: When it was delivered, in milliseconds.
        redelivered: Whether the server marked this delivery as redelivered.
    """

    event: MadeUpEvent
    received_at: int
    redelivered: bool

    @property
    def dt(self) -> str:
        """The event's day, or that of its arrival if the event has no time."""
        time = self.event.time
        milliseconds = self.received_at if time is None else time // 1_000_000
        return (_EPOCH + timedelta(milliseconds=milliseconds)).date().isoformat()


class ArchiveObject(NamedTuple):
    """One object of the archive: its key, the facts of its lines, and their deliveries."""

    key: str
    lines: list[MadeUpLine]
    deliveries: list[Delivery]

    def body(self) -> bytes:
        """Return its content."""
        return object_body(self.deliveries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """The kind of archive to make. Equal plans make equal archives.

    One line in a hundred is a duplicate, one event in fifty is marked as redelivered in its only
    line, one in two hundred arrives one hour to three days late. On each day one event has no
    subscription id, and in some streams one has no time. In an archive of three days or more,
    ``country_change`` has no event on the middle day, and ``first_attachment`` only one.

    Attributes:
        last_day: The last day, UTC; nothing arrives later.
        events: The approximate number of different events, of all streams together.
        days: Number of days.
        streams: The event types.
        slice_minutes: Lines that arrive further apart never share an object.
    """

    last_day: date
    events: int
    days: int
    streams: tuple[str, ...] = tuple(STREAMS)
    slice_minutes: int = 10

    @property
    def first_day(self) -> date:
        """The first day with events."""
        return self.last_day - timedelta(days=self.days - 1)

    def counts(self, event_type: str) -> list[int]:
        """Return how many events a stream has on each day, the first day first."""
        share = _SHARES[event_type] / sum(_SHARES[name] for name in self.streams)
        counts = [round(self.events * share / self.days)] * self.days
        odd = {"country_change": 0, "first_attachment": 1}
        if event_type in odd and self.days > 2:
            counts[self.days // 2] = odd[event_type]
        return counts


class _Subscriber(NamedTuple):
    """A made-up subscription. A few have no number, no plus sign, or the deprecated identifier."""

    subscription_id: str
    imsi: str
    number: str | None

    @classmethod
    def of(cls, serial: int, chance: random.Random) -> _Subscriber:
        oddness = chance.randrange(300)
        name = f"{serial:010d}"
        number = None if oddness == 0 else f"{'' if oddness == 1 else '+'}999{name}"
        prefix = "ce78" if oddness == 2 else "madeup:eu:"
        return cls(f"{prefix}{name}", f"00101{name}", number)


class _HandsetChanges:
    """Makes up handset changes; each starts with the subscriber's current handset."""

    def __init__(self, subscribers: list[_Subscriber], chance: random.Random) -> None:
        self._subscribers = subscribers
        self._chance = chance
        self._handsets: dict[_Subscriber, tuple[str, str]] = {}

    def day(self, count: int) -> Iterator[tuple[_Subscriber, HandsetChange]]:
        """Make up the changes of a day, in their order. A few SIM cards move often."""
        chance = self._chance
        movers = chance.choices(self._subscribers, k=count)
        wardrobes = {}
        for _ in range(min(5, count // 200)):
            restless = chance.choice(self._subscribers)
            wardrobes[restless] = [self._handset() for _ in range(chance.randint(2, 4))]
            for index in chance.sample(range(count), chance.randint(5, 12)):
                movers[index] = restless
        for mover in movers:
            before = self._handsets.get(mover) or self._handset()
            previous: tuple[str | None, str | None] = before
            current, draw = before, chance.random()
            if mover in wardrobes:
                current = chance.choice([each for each in wardrobes[mover] if each[0] != before[0]])
            elif draw < 0.05:
                previous = (None, None)  # the first handset that is known of
            elif draw < 0.45:
                current = before[0], f"{(int(before[1]) + 1) % 100:02d}"
            else:
                current = self._handset(before[0][:8] if draw < 0.55 else None)
            self._handsets[mover] = current
            yield mover, HandsetChange(*previous, *current, mover.imsi, mover.number)

    def _handset(self, model: str | None = None) -> tuple[str, str]:
        chance = self._chance
        model = model or chance.choices(_MODELS, cum_weights=_POPULARITY)[0]
        body = f"{model}{chance.randrange(1_000_000):06d}"
        return body + luhn_digit(body), f"{chance.randrange(100):02d}"


def made_up_objects(plan: ArchivePlan) -> Iterator[ArchiveObject]:
    """Make up the objects of an archive, stream by stream, in the order of their writing.

    No object occurs twice: if exactly the same events arrive again, the engine writes nothing.
    """
    for event_type in plan.streams:
        read, keys = DeliveryReader(STREAMS[event_type]).read, set()
        for batch in _batches(plan, event_type):
            facts = {line.event.event_id: line for line, _ in batch}
            arrived = (
                read(
                    message.delivery("made up", is_redelivered=line.redelivered),
                    _EPOCH + timedelta(milliseconds=line.received_at),
                )
                for line, message in batch
            )
            for deliveries in group_by_object(each for each in arrived if each is not None):
                key = _LAYOUT.key(deliveries)
                if key not in keys:
                    keys.add(key)
                    yield ArchiveObject(key, [facts[it.event_id] for it in deliveries], deliveries)


def write_archive(plan: ArchivePlan, folder: Path) -> Iterator[ArchiveObject]:
    """Write an archive to a folder, and yield each object when it is written."""
    for each in made_up_objects(plan):
        path = folder / each.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.body())
        yield each


def _batches(plan: ArchivePlan, event_type: str) -> Iterator[list[tuple[MadeUpLine, Event]]]:
    """Split the lines into batches; an event and its copies are in different batches."""
    batch: list[tuple[MadeUpLine, Event]] = []
    ids: set[str] = set()
    current = -1
    for line, message in _arrivals(plan, event_type):
        its_slice = line.received_at // (plan.slice_minutes * 60_000)
        is_full = len(batch) == _LINES_PER_OBJECT
        if batch and (is_full or its_slice != current or line.event.event_id in ids):
            yield batch
            batch, ids = [], set()
        batch.append((line, message))
        ids.add(line.event.event_id)
        current = its_slice
    if batch:
        yield batch


def _arrivals(plan: ArchivePlan, event_type: str) -> Iterator[tuple[MadeUpLine, Event]]:
    """Yield the lines of a stream in the order of their arrival, each with its event's message."""
    chance = random.Random(event_type)  # noqa: S311 - test data, not secrets
    people = random.Random("subscribers")  # noqa: S311 - likewise
    subscribers = [_Subscriber.of(n, people) for n in range(max(20, plan.events // 10))]
    handset_changes = _HandsetChanges(subscribers, chance)
    start = (plan.first_day - _EPOCH.date()).days * DAY
    last = start + plan.days * DAY - 1
    waiting: dict[int, list[tuple[MadeUpLine, Event]]] = {}
    for number, count in enumerate(plan.counts(event_type)):
        day = start + number * DAY
        times = sorted(day + chance.randrange(DAY) for _ in range(count))
        nobodys, undated = chance.randrange(count or 1), chance.randrange(count or 1)
        changes = handset_changes.day(count if event_type == "handset_change" else 0)
        others = made_up_events(event_type, count, seed=number)
        for index, (time, other) in enumerate(zip(times, others, strict=True)):
            subscriber, change = next(changes, (chance.choice(subscribers), None))
            has_time = count < 10 or index != undated or event_type not in _UNDATED
            is_known = count < 10 or index != nobodys
            message, event = _event(
                replace(other, payload=_payload(change)) if change else other,
                time * 1_000_000 + _beyond(chance) if has_time else None,
                subscriber.subscription_id if is_known else None,
                change,
            )
            for line in _deliveries(event, time, last, chance):
                waiting.setdefault(line.received_at // DAY, []).append((line, message))
        yield from sorted(waiting.pop(day // DAY, []), key=lambda each: each[0].received_at)


def _event(
    other: Event, time: int | None, subscription_id: str | None, change: HandsetChange | None
) -> tuple[Event, MadeUpEvent]:
    """Return an event with its time and subscription."""
    metadata = Metadata()
    if time is not None:
        metadata.timestamp.CopyFrom(Timestamp(seconds=time // 10**9, nanos=time % 10**9))
    if subscription_id is not None:
        field = "value" if subscription_id.startswith("ce78") else "wg2rn"
        whose = SubscriptionIdentifier(**{field: subscription_id})
        metadata.identifier.CopyFrom(Identifier(subscription_identifier=whose))
    message = replace(other, metadata=metadata.SerializeToString(deterministic=True))
    moment = None if time is None else divmod(time, 10**9)
    identity = event_id(message.event_type, moment, subscription_id, message.payload or b"")
    return message, MadeUpEvent(message.event_type, identity, time, subscription_id, change)


def _payload(change: HandsetChange) -> bytes:
    return HandsetChangeEvent(
        previous=_handset(change.previous_imei, change.previous_software_version),
        current=_handset(change.current_imei, change.current_software_version),
        imsi=Imsi(value=change.imsi),
        number=None if change.number is None else E164(e164=change.number),
    ).SerializeToString(deterministic=True)


def _handset(imei: str | None, version: str | None) -> Handset | None:
    if imei is None or version is None:
        return None
    return Handset(imei_sv=ImeiSv(imei=imei, software_version=version))


def _beyond(chance: random.Random) -> int:
    """Return the nanoseconds of an event's time beyond its millisecond: mostly 0."""
    return chance.choices((0, chance.randrange(1000) * 1000, chance.randrange(10**6)), (18, 1, 1))[
        0
    ]


def _deliveries(
    event: MadeUpEvent, happened: int, last: int, chance: random.Random
) -> Iterator[MadeUpLine]:
    """Yield the lines of an event, the first received first; none is received after ``last``."""
    is_late = chance.random() < 0.005
    lag = chance.randrange(_HOUR, 3 * DAY) if is_late else 200 + chance.expovariate(1 / 45_000)
    received_at = min(happened + int(lag), last)
    # An event without a time has the day of its arrival, so its copy could be in another day.
    if event.time is None or chance.random() >= 0.01:
        yield MadeUpLine(event, received_at, chance.random() < 0.02)
    elif chance.random() < 0.05:  # of two concurrent runs, the one with the redelivery is first
        yield MadeUpLine(event, received_at, redelivered=True)
        yield MadeUpLine(event, received_at, redelivered=False)
    else:
        yield MadeUpLine(event, received_at, redelivered=False)
        for _ in range(chance.choice((1, 1, 1, 1, 2))):
            received_at += 60_000 + int(chance.expovariate(1 / 1_200_000))
            if received_at <= last:
                yield MadeUpLine(event, received_at, chance.random() >= 0.15)
