"""The journal: when which event was durably accepted, as the engine was told.

It is set against the event server's ledger: an ack that came before both acceptances is a
violation. Times are ``time.monotonic()``, as the ledger's.
"""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.reconciliation import message_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, whatever became of it."""

    operation: str
    at: float


class Journal:
    """Written by the proxies, read by the test. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._archived: dict[str, float] = {}
        self._published: dict[str, float] = {}
        self._calls: list[Call] = []

    def archived(self, event_ids: Iterable[str], at: float) -> None:
        """Enter that S3 has these events, and that the engine is told so."""
        self._enter(self._archived, event_ids, at)

    def published(self, event_ids: Iterable[str], at: float) -> None:
        """Enter that SQS has taken these events, and that the engine is told so."""
        self._enter(self._published, event_ids, at)

    def note_call(self, operation: str, at: float) -> None:
        """Enter a call."""
        with self._lock:
            self._calls.append(Call(operation, at))

    def calls(self, operation: str) -> list[float]:
        """Give when an operation was called."""
        with self._lock:
            return [call.at for call in self._calls if call.operation == operation]

    def durable_at(self) -> dict[str, float]:
        """Give since when the engine could know of each event that both sinks have it."""
        with self._lock:
            return {
                event_id: max(at, self._published[event_id])
                for event_id, at in self._archived.items()
                if event_id in self._published
            }

    def _enter(self, book: dict[str, float], event_ids: Iterable[str], at: float) -> None:
        with self._lock:
            for event_id in event_ids:
                book.setdefault(event_id, at)


def ids_of_object(body: bytes) -> Sequence[str]:
    """Give the event ids in an archive object: gzipped NDJSON, or the JSON of a quarantine."""
    if not body.startswith(_GZIP):
        return [json.loads(body)["event_id"]]
    return [json.loads(line)["event_id"] for line in gzip.decompress(body).splitlines()]


def ids_of_taken_entries(request: bytes, answer: bytes) -> Sequence[str]:
    """Give the event ids of those entries of a SendMessageBatch that the answer says are taken."""
    bodies = {entry["Id"]: entry["MessageBody"] for entry in json.loads(request)["Entries"]}
    return [
        line["event_id"]
        for taken in json.loads(answer).get("Successful", ())
        for line in message_lines(bodies[taken["Id"]])
    ]
