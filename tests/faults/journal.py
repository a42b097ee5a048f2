"""The journal: when the sinks confirmed each event to the engine.

It is compared with the event server's ledger: an ack before both confirmations is a violation.
Times are ``time.monotonic()``, as the ledger's.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from simulator.reconciliation import message_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GZIP: Final = b"\x1f\x8b"


class Journal:
    """Written by the proxies, read by the test. Thread-safe: each write is one operation."""

    def __init__(self) -> None:
        self._archived: dict[str, float] = {}
        self._published: dict[str, float] = {}
        self._calls: defaultdict[str, list[float]] = defaultdict(list)

    def archived(self, event_ids: Iterable[str], at: float) -> None:
        """Record that S3 has confirmed these events to the engine."""
        for event_id in event_ids:
            self._archived.setdefault(event_id, at)

    def published(self, event_ids: Iterable[str], at: float) -> None:
        """Record that SQS has confirmed these events to the engine."""
        for event_id in event_ids:
            self._published.setdefault(event_id, at)

    def note_call(self, operation: str, at: float) -> None:
        """Record a call, whether or not it succeeds."""
        self._calls[operation].append(at)

    def calls(self, operation: str) -> list[float]:
        """Return when an operation was called."""
        return list(self._calls[operation])

    def durable_at(self) -> dict[str, float]:
        """Return from when the engine could know that both sinks have an event, by event id."""
        archived, published = self._archived.copy(), self._published.copy()
        return {name: max(archived[name], published[name]) for name in archived.keys() & published}


def ids_of_object(body: bytes) -> Sequence[str]:
    """Return the event ids in an archive object: gzipped lines, or a quarantine's record."""
    if not body.startswith(_GZIP):
        return [json.loads(body)["event_id"]]
    return [json.loads(line)["event_id"] for line in gzip.decompress(body).splitlines()]


def ids_of_taken_entries(request: bytes, answer: bytes) -> Sequence[str]:
    """Return the event ids of the entries of a SendMessageBatch that its answer confirms."""
    bodies = {entry["Id"]: entry["MessageBody"] for entry in json.loads(request)["Entries"]}
    return [
        line["event_id"]
        for taken in json.loads(answer).get("Successful", ())
        for line in message_lines(bodies[taken["Id"]])
    ]
