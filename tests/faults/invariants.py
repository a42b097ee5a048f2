"""The invariants that hold after every fault, checked from outside the engine.

The event server's ledger records what was delivered and acked, the proxies' journal when it was
durable; the bucket and the queue show what is stored. Event ids are computed here from the server's
record.
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
"""Shorter values, such as a software version, occur in any number by chance."""


@dataclass(frozen=True)
class RunRecord:
    """One run: its report (None if killed), its times, and its leftovers."""

    report: Report | None
    seconds: float
    allowed_seconds: float
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The observations of a scene.

    Attributes:
        ledger: The event server's ledger.
        durable_at: From when the engine could know that both sinks have an event, by event id.
        lines: All lines of the archive.
        quarantine: The quarantine's objects, by key.
        ids_by_key: The event ids in each of the archive's other objects.
        messages: The bodies of the queue's messages.
        runs: In the order of their start.
        text: All logs, errors, reports and metrics of the engine.
        secrets: Values that must not be in the text, besides those of the events.
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
        """The expected line of each event that can have one, by the event's number."""
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
        """The event ids in quarantine of each event without a line, by the event's number."""
        raws = [(entry["event_id"], b64decode(entry["raw"])) for entry in self.quarantine.values()]
        return {
            number: {event_id for event_id, raw in raws if _is_of(record.event, raw)}
            for number, record in self.ledger.events.items()
            if number not in self.expected
        }

    @cached_property
    def archived(self) -> Counter[str]:
        """The number of copies of each event in the bucket."""
        return Counter(line["event_id"] for line in self.lines) + Counter(
            entry["event_id"] for entry in self.quarantine.values()
        )

    @cached_property
    def queued(self) -> Counter[str]:
        """The number of messages of each event in the queue."""
        return Counter(message["event_id"] for message in self.messages)

    @property
    def copies(self) -> int:
        """The number of duplicate lines and messages."""
        return sum(counts.total() - len(counts) for counts in (self.archived, self.queued))

    def ids_of(self, number: int) -> set[str]:
        """Return the ids of an event: one, or several in quarantine."""
        if number in self.expected:
            return {self.expected[number]["event_id"]}
        return self.quarantined[number]


def violations(evidence: Evidence) -> list[str]:
    """Return a description of each violated invariant."""
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
    """An event was acked before both sinks had confirmed it."""
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
    """A sink has something that differs from the event."""
    expected = {line["event_id"]: line for line in evidence.expected.values()}
    known = expected.keys() | {i for ids in evidence.quarantined.values() for i in ids}
    for place, contents in (("S3", evidence.lines), ("SQS", evidence.messages)):
        for content in contents:
            event_id = content["event_id"]
            if event_id not in known:
                yield f"{place} has {event_id}, which is not the id of an event"
            elif "s3" not in content and any(
                content[key] != expected[event_id][key] for key in _OF_THE_EVENT
            ):
                yield f"{place} has a line of {event_id} that differs from the event"


def _ids_differ(evidence: Evidence) -> Iterator[str]:
    """The number of ids differs from the number of events."""
    for number, ids in evidence.quarantined.items():
        if len(ids) > 1:
            yield f"event {number} is in quarantine under {len(ids)} ids"
    ids = {line["event_id"] for line in evidence.expected.values()}
    if len(ids) != len(evidence.expected):
        yield "two events have the same id"


def _does_not_reconcile(evidence: Evidence) -> Iterator[str]:
    """A report's counts don't add up, or exceed those of the server."""
    reports = [run.report for run in evidence.runs if run.report is not None]
    for report in reports:
        if report.received != report.acked + report.left.total():
            yield f"the report does not reconcile: {report.as_json()}"
        if any(count < 0 for count in report.left.values()):
            yield f"a negative count is left: {report.as_json()}"
        if report.has_failed != (report.error is not None):
            yield f"the end reason and the error don't match: {report.as_json()}"
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
    """A secret or a value of an event is in a log, an error, a report or a metric."""
    for secret in evidence.secrets:
        if secret in evidence.text:
            yield f"a secret of {len(secret)} characters is in the log"
    for number, record in evidence.ledger.events.items():
        leaked = {value for value in texts_of(record.event) if value in evidence.text}
        if leaked:
            yield f"{len(leaked)} values of event {number} are in the log"


def texts_of(event: Event) -> set[str]:
    """Return the longer texts of an event; empty if it doesn't parse."""
    response = STREAMS[event.event_type].stream_response
    try:
        message = response.FromString(event.undelivered)
    except Exception:  # noqa: BLE001 - any error of the parser
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
