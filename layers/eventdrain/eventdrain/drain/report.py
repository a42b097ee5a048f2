"""The report of a drain: what it did, in counts that reconcile, and why it ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from eventdrain.drain.outcome import LeftReason
from eventdrain.drain.window import EndReason
from eventdrain.errors import ACCESS_ERRORS, Failure
from eventdrain.events import PointerReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.drain.outcome import Outcome
    from eventdrain.errors import DrainError
    from eventdrain.events import Delivery

_BACKLOG_AGE_SECONDS: Final = 60.0
"""Events older than this on arrival have waited at the server. The value allows for events that
arrive a little late and for clocks that differ."""


@dataclass(slots=True)
class Report:
    """The report of one drain. At its end, ``received == acked + sum(left.values())``.

    Only the report's own methods change it. Counts are of deliveries, unless stated otherwise. The
    report holds no personal data.

    Attributes:
        event_type: The stream that was drained.
        sinks: The names of the sinks.
        end_reason: Why the drain ended.
        error: What failed, why, and how to fix it, if the drain failed.
        is_access_refused: Whether the drain failed because it got no token or the server denied
            access.
        token_renewals_failed: How often a token could not be renewed, or a new token could not be
            cached.
        tokens_too_short: How many new tokens expire too soon to be shared between runs.
        received: Deliveries that arrived.
        heartbeats: Messages with neither an event nor an ack handle; not part of ``received``.
        redelivered: Deliveries that the server marked as redeliveries.
        quarantined: Deliveries that cannot be converted to a line.
        oversize: Deliveries whose line is too large for a queue message.
        committed: Deliveries that all sinks have.
        acked: Deliveries whose ack the server confirmed.
        left: Deliveries received but not acked, by reason. The server delivers them again.
        failed: Deliveries that a sink failed to write, by the sink's name.
        failures: The causes of ``left``, counted by ``<reason>:<code>``.
        batches: The number of commits.
        connections: How often a stream was opened.
        bytes_received: The total size of the messages received.
        oldest_event_age_seconds: The greatest age of an event on arrival.
        last_events_age_seconds: The median age on arrival of the last events; see ``lag.Lag``.
        run_seconds: The duration of the drain.
    """

    event_type: str
    sinks: Sequence[str] = ("archive", "queue")
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
    failed: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    connections: int = 0
    bytes_received: int = 0
    oldest_event_age_seconds: float = 0.0
    last_events_age_seconds: float = 0.0
    run_seconds: float = 0.0

    @property
    def has_failed(self) -> bool:
        """Whether the drain ended with an error."""
        return self.end_reason is EndReason.FAILED

    @property
    def is_behind(self) -> bool:
        """Whether the drain committed events and events still wait at the server.

        Events are assumed to wait if the drain reached its limit. If it reached the window's end,
        they wait only if the last events were old on arrival: a busy stream alone is no backlog.
        """
        if not self.acked:
            return False
        if self.end_reason is EndReason.WINDOW:
            return self.last_events_age_seconds > _BACKLOG_AGE_SECONDS
        return self.end_reason is EndReason.LIMIT

    @property
    def has_many_redeliveries(self) -> bool:
        """Whether several events, and at least a third of all, were redeliveries.

        The same events arrive again and again if the server does not register their acks. If most
        events of several runs are redeliveries, this holds for at least one of the runs.
        """
        return self.redelivered > 1 and 3 * self.redelivered >= self.received

    @property
    def ack_failed(self) -> int:
        """Deliveries that all sinks have, but whose ack the server did not confirm."""
        return self.left[LeftReason.ACK]

    def add_messages(self, sizes: int, deliveries: Sequence[Delivery], heartbeats: int) -> None:
        """Count messages that were taken.

        Args:
            sizes: The messages' total size in bytes.
            deliveries: The deliveries among them.
            heartbeats: The number of heartbeats among them.
        """
        self.bytes_received += sizes
        self.heartbeats += heartbeats
        self.received += len(deliveries)
        for delivery in deliveries:
            self.redelivered += delivery.redelivered
            self.quarantined += delivery.pointer is PointerReason.QUARANTINE
            self.oversize += delivery.pointer is PointerReason.OVERSIZE
            self.oldest_event_age_seconds = max(self.oldest_event_age_seconds, delivery.age_seconds)

    def add_untaken(self, messages: Sequence[bytes], *, heartbeats: int = 0) -> None:
        """Count messages that arrived too late to be taken, and the heartbeats among them."""
        self.add_messages(sum(map(len, messages)), (), heartbeats)
        if events := len(messages) - heartbeats:
            self.received += events
            self.left[LeftReason.NOT_TAKEN] += events

    def add_outcome(self, outcome: Outcome) -> None:
        """Count the outcome of a batch. A fatal failure fails the drain."""
        self.batches += 1
        self.committed += outcome.written
        self.acked += outcome.acked
        self.left.update(outcome.left)
        self.failed.update(outcome.failed)
        self.failures.update(outcome.failures)
        if outcome.fatal is not None:
            self.fail(outcome.fatal)

    def add_tokens(self, *, renewals_failed: int, too_short: int) -> None:
        """Count problems with the cached token."""
        self.token_renewals_failed += renewals_failed
        self.tokens_too_short += too_short

    def fail(self, cause: DrainError | Failure) -> None:
        """Mark the drain as failed. The report's error is the first cause."""
        self.end_reason = EndReason.FAILED
        self.error = self.error or str(cause)
        self.is_access_refused |= (
            cause.is_about_access
            if isinstance(cause, Failure)
            else isinstance(cause, ACCESS_ERRORS)
        )

    def end(
        self,
        reason: EndReason,
        *,
        connections: int,
        last_events_age_seconds: float,
        run_seconds: float,
    ) -> None:
        """Record the end of the drain. Call it after all outcomes were added.

        Deliveries that are neither acked nor left at this point are the result of a bug and are
        counted as left.
        """
        self.end_reason = EndReason.FAILED if self.error is not None else reason
        self.connections = connections
        self.last_events_age_seconds = last_events_age_seconds
        self.run_seconds = run_seconds
        if missing := self.received - self.acked - self.left.total():
            self.left[LeftReason.UNEXPECTED] += missing

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object, for the log and the caller."""
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
            **{f"{sink}_failed": self.failed[sink] for sink in self.sinks},
            "failures": dict(self.failures),
            "batches": self.batches,
            "connections": self.connections,
            "bytes_received": self.bytes_received,
            "oldest_event_age_seconds": round(self.oldest_event_age_seconds, 3),
            "last_events_age_seconds": round(self.last_events_age_seconds, 3),
            "run_seconds": round(self.run_seconds, 3),
        }
