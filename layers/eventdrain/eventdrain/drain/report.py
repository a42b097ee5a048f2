"""The report: what one drain did, why it ended, in counts that reconcile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from eventdrain.drain.outcome import LeftReason
from eventdrain.drain.window import EndReason
from eventdrain.events import is_oversize

if TYPE_CHECKING:
    from eventdrain.drain.outcome import Outcome
    from eventdrain.events import Delivery


_WAITED_SECONDS: Final = 60.0
"""An event that is older on arrival has waited at the server; one that comes as it happens has not,
even if it is somewhat late, or the clocks differ."""


@dataclass(slots=True)
class Report:
    """What one drain did. ``received == acked + sum(left.values())`` once it has ended.

    Counts are of deliveries, unless they say otherwise. Nothing in it is personal data.

    Attributes:
        event_type: The stream that was drained.
        end_reason: Why the drain ended.
        error: What is wrong and what to do, where it ended as failed.
        is_access_refused: Whether it failed as it got no token, or the server did not let it in.
        token_renewals_failed: How often a token was used on that could not be renewed, or a new
            one could not be kept: runs to come mint their own, or have none when the old one ends.
        tokens_too_short: How many new tokens live too short for other runs: each mints its own.
        received: Deliveries that arrived.
        heartbeats: Messages that arrived beside them, with neither an event nor a handle.
        redelivered: Those of them that the server marked as sent before.
        quarantined: Those of them that can't become a line.
        oversize: Those of them that are too large for a message.
        committed: Those of them that both sinks have.
        acked: Those of them whose ack the server confirmed.
        left: Received and not acked, by reason: the server sends these events again.
        archive_failed: Not taken by the archive.
        queue_failed: Not taken by the queue.
        failures: How often each cause was given for what is left, by ``<where>:<code>``.
        batches: How many commits there were.
        connections: How often the stream was opened.
        bytes_received: Size of the messages received.
        oldest_event_age_seconds: How old the oldest event was on arrival.
        last_events_age_seconds: How old on arrival was what was taken last; see ``lag.Lag``.
        run_seconds: From the start of the drain to its end.
    """

    event_type: str
    end_reason: EndReason = EndReason.FAILED
    error: str | None = None
    is_access_refused: bool = False
    token_renewals_failed: int = 0
    tokens_too_short: int = 0
    received: int = 0
    heartbeats: int = 0
    redelivered: int = 0
    quarantined: int = 0
    oversize: int = 0
    committed: int = 0
    acked: int = 0
    left: Counter[str] = field(default_factory=Counter)
    archive_failed: int = 0
    queue_failed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    connections: int = 0
    bytes_received: int = 0
    oldest_event_age_seconds: float = 0.0
    last_events_age_seconds: float = 0.0
    run_seconds: float = 0.0

    @property
    def has_failed(self) -> bool:
        """Whether somebody must act before the next run can do better."""
        return self.end_reason is EndReason.FAILED

    @property
    def is_behind(self) -> bool:
        """Whether it got events through and left others waiting, so that another run is needed.

        Whoever reaches the limit has most likely left some. Whoever reaches the window's end may
        only have drained a lively stream, with nothing waiting: then what came last was young.
        """
        if not self.acked:
            return False
        if self.end_reason is EndReason.WINDOW:
            return self.last_events_age_seconds > _WAITED_SECONDS
        return self.end_reason is EndReason.LIMIT

    @property
    def ack_failed(self) -> int:
        """Deliveries in both sinks whose ack the server did not confirm."""
        return self.left[LeftReason.ACK]

    def note(self, delivery: Delivery) -> None:
        """Note what one delivery tells about the stream."""
        self.received += 1
        self.redelivered += delivery.redelivered
        self.quarantined += delivery.quarantine_reason is not None
        self.oversize += is_oversize(delivery)
        self.oldest_event_age_seconds = max(self.oldest_event_age_seconds, delivery.age_seconds)

    def add(self, outcome: Outcome) -> None:
        """Count what became of a batch."""
        self.batches += 1
        self.committed += outcome.written
        self.acked += outcome.acked
        self.left.update(outcome.left)
        self.archive_failed += outcome.archive_failed
        self.queue_failed += outcome.queue_failed
        self.failures.update(outcome.failures)

    def leave_unaccounted(self) -> None:
        """Count as left, by a bug, what is neither acked nor left when nothing is under way."""
        if missing := self.received - self.acked - self.left.total():
            self.left[LeftReason.UNEXPECTED] += missing

    def as_json(self) -> dict[str, Any]:
        """Give the report as a JSON object, for the log and for the caller."""
        return {
            "event_type": self.event_type,
            "end_reason": self.end_reason.value,
            "error": self.error,
            "is_access_refused": self.is_access_refused,
            "token_renewals_failed": self.token_renewals_failed,
            "tokens_too_short": self.tokens_too_short,
            "received": self.received,
            "heartbeats": self.heartbeats,
            "redelivered": self.redelivered,
            "quarantined": self.quarantined,
            "oversize": self.oversize,
            "committed": self.committed,
            "acked": self.acked,
            "left": dict(self.left),
            "archive_failed": self.archive_failed,
            "queue_failed": self.queue_failed,
            "failures": dict(self.failures),
            "batches": self.batches,
            "connections": self.connections,
            "bytes_received": self.bytes_received,
            "oldest_event_age_seconds": round(self.oldest_event_age_seconds, 3),
            "last_events_age_seconds": round(self.last_events_age_seconds, 3),
            "run_seconds": round(self.run_seconds, 3),
        }
