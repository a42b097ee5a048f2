"""What must hold after every fault, worked out from what was seen outside of the engine.

The event server's ledger says what was delivered and acked, the proxies' journal when what was
durable, the bucket and the queue what is there. An event is known by its event id, which is worked
out here from the server's own record of it.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from eventdrain.events import STREAMS, DeliveryReader, PointerReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from google.protobuf.message import Message

    from eventdrain.drain import Report
    from simulator.event_server import Event, LedgerSnapshot

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OF_THE_EVENT: Final = ("event_id", "event_type", "event_time", "subscription_id", "event")
_TELLING_LENGTH: Final = 8
"""Shorter values, such as a software version, are part of any number."""


@dataclass(frozen=True)
class RunRecord:
    """One run, seen from outside: its report (None if killed), its times, and what it left."""

    report: Report | None
    seconds: float
    allowed_seconds: float
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All that was seen of a scene.

    Attributes:
        ledger: The event server's.
        durable_at: Since when the engine could know of each event id that both sinks have it.
        lines: The archive's, of all objects.
        quarantine: The quarantine's objects, by key.
        ids_by_key: The event ids in each of the archive's other objects.
        messages: The queue's bodies.
        runs: In the order in which they began.
        text: All that the engine has logged, raised, reported and measured.
        secrets: Values that must not stand in it, besides those of the events.
        is_settled: Whether the faults have stopped and everything should have arrived.
    """

    ledger: LedgerSnapshot
    durable_at: Mapping[str, float]
    lines: Sequence[dict[str, Any]]
    quarantine: Mapping[str, dict[str, Any]]
    ids_by_key: Mapping[str, set[str]]
    messages: Sequence[dict[str, Any]]
    runs: Sequence[RunRecord]
    text: str
    secrets: frozenset[str]
    is_settled: bool = True

    @cached_property
    def expected(self) -> dict[int, dict[str, Any]]:
        """What the line of each event must say, by the event's number, where it can have one."""
        readers = {name: DeliveryReader(stream) for name, stream in STREAMS.items()}
        lines = {}
        for number, record in self.ledger.events.items():
            delivery = readers[record.event.event_type].read(record.event.undelivered, _LONG_AGO)
            if delivery is None or delivery.pointer is PointerReason.QUARANTINE:
                continue
            lines[number] = json.loads(delivery.line)
        return lines

    @cached_property
    def quarantined(self) -> dict[int, set[str]]:
        """The event ids under which each event without a line is in quarantine, by its number."""
        raws = [(entry["event_id"], b64decode(entry["raw"])) for entry in self.quarantine.values()]
        return {
            number: {event_id for event_id, raw in raws if _is_of(record.event, raw)}
            for number, record in self.ledger.events.items()
            if number not in self.expected
        }

    @cached_property
    def archived(self) -> Counter[str]:
        """How many copies of each event are in the bucket."""
        return Counter(line["event_id"] for line in self.lines) + Counter(
            entry["event_id"] for entry in self.quarantine.values()
        )

    @cached_property
    def queued(self) -> Counter[str]:
        """How many messages of each event the queue has got."""
        return Counter(message["event_id"] for message in self.messages)

    @property
    def copies(self) -> int:
        """How many lines and messages there are beyond one each."""
        return sum(counts.total() - len(counts) for counts in (self.archived, self.queued))

    def ids_of(self, number: int) -> set[str]:
        """Return the ids that an event may have: one, or those under which it is in quarantine."""
        if number in self.expected:
            return {self.expected[number]["event_id"]}
        return self.quarantined[number]


def violations(evidence: Evidence) -> list[str]:
    """Return what does not hold, in words; empty if all is well."""
    rules = (
        _acked_unwritten,
        _lost,
        _unexpected,
        _ids_differ,
        _does_not_reconcile,
        _left_behind,
        _leaked,
    )
    return [violation for rule in rules for violation in rule(evidence)]


def _acked_unwritten(evidence: Evidence) -> Iterator[str]:
    """An event was acked before both sinks had said that they have it."""
    for number, record in evidence.ledger.events.items():
        if not record.acks:
            continue
        durable_at = min(
            (
                evidence.durable_at.get(event_id, float("inf"))
                for event_id in evidence.ids_of(number)
            ),
            default=float("inf"),
        )
        if min(ack.at for ack in record.acks) < durable_at:
            yield f"event {number} was acked before it was in both sinks"


def _lost(evidence: Evidence) -> Iterator[str]:
    """An event is not in both sinks, though acked, or though the faults have stopped."""
    for number, record in evidence.ledger.events.items():
        if number not in evidence.ledger.acked and not evidence.is_settled:
            continue
        ids = evidence.ids_of(number)
        for place, counts in (("S3", evidence.archived), ("SQS", evidence.queued)):
            if not ids & counts.keys():
                yield f"event {number} is not in {place} ({len(record.deliveries)} deliveries)"
    if evidence.is_settled:
        for number in evidence.ledger.unacked:
            if evidence.ledger.events[number].event.frame is None:
                yield f"event {number} is not acked"


def _unexpected(evidence: Evidence) -> Iterator[str]:
    """Something is in a sink that does not say what the event says."""
    expected = {line["event_id"]: line for line in evidence.expected.values()}
    known = expected.keys() | {i for ids in evidence.quarantined.values() for i in ids}
    for place, contents in (("S3", evidence.lines), ("SQS", evidence.messages)):
        for content in contents:
            event_id = content["event_id"]
            if event_id not in known:
                yield f"{place} has {event_id}, which is no event's"
            elif "s3" not in content and any(
                content[key] != expected[event_id][key] for key in _OF_THE_EVENT
            ):
                yield f"{place} has a line of {event_id} that differs from the event"


def _ids_differ(evidence: Evidence) -> Iterator[str]:
    """There are not as many ids as events."""
    for number, ids in evidence.quarantined.items():
        if len(ids) > 1:
            yield f"event {number} is in quarantine under {len(ids)} ids"
    ids = {line["event_id"] for line in evidence.expected.values()}
    if len(ids) != len(evidence.expected):
        yield "two events have the same id"


def _does_not_reconcile(evidence: Evidence) -> Iterator[str]:
    """A report's counts don't add up, or say more than the server saw."""
    reports = [run.report for run in evidence.runs if run.report is not None]
    for report in reports:
        if report.received != report.acked + report.left.total():
            yield f"the report does not reconcile: {report.as_json()}"
        if any(count < 0 for count in report.left.values()):
            yield f"a negative count is left: {report.as_json()}"
        if report.has_failed != (report.error is not None):
            yield f"the end reason and the error don't fit: {report.as_json()}"
    confirmed = sum(ack.answer == "STATUS_CODE_SUCCESS" for ack in evidence.ledger.acks)
    if sum(report.acked for report in reports) > confirmed:
        yield f"more acks are reported than the server has confirmed, {confirmed}"


def _left_behind(evidence: Evidence) -> Iterator[str]:
    """A run took too long, or left something behind."""
    for run in evidence.runs:
        if run.seconds > run.allowed_seconds:
            yield f"a run took {run.seconds:.1f} s of {run.allowed_seconds:.1f} s"
        yield from (f"a run left behind: {leftover}" for leftover in run.leftovers)


def _leaked(evidence: Evidence) -> Iterator[str]:
    """A secret or a value of an event stands in a log, an error, a report or a metric."""
    for secret in evidence.secrets:
        if secret in evidence.text:
            yield f"a secret of {len(secret)} characters is in the log"
    for number, record in evidence.ledger.events.items():
        leaked = {value for value in texts_of(record.event) if value in evidence.text}
        if leaked:
            yield f"{len(leaked)} values of event {number} are in the log"


def texts_of(event: Event) -> set[str]:
    """Return the longer texts of an event; none of one that does not parse."""
    response = STREAMS[event.event_type].stream_response
    try:
        message = response.FromString(event.undelivered)
    except Exception:  # noqa: BLE001 - whatever the parser finds wrong with it
        return set()
    return {text for text in _texts(message) if len(text) >= _TELLING_LENGTH}


def _texts(message: Message) -> Iterable[str]:
    for _, value in message.ListFields():
        if isinstance(value, str):
            yield value
        elif hasattr(value, "ListFields"):
            yield from _texts(value)


def _is_of(event: Event, raw: bytes) -> bool:
    """Return whether a delivered message is of an event."""
    return raw == event.frame if event.frame is not None else event.metadata in raw
