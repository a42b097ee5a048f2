"""The report: what one drain did and why it ended, in counts that reconcile."""

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

_WAITED_SECONDS: Final = 60.0
"""An event that is older on arrival has waited at the server; one that is delivered as it happens
has not, even if it is somewhat late, or the clocks differ."""


@dataclass(slots=True)
class Report:
    """The report of one drain. ``received == acked + sum(left.values())`` once it has ended.

    Only its own methods write it, each for one kind of event in a drain's life. Counts are of
    deliveries, unless stated otherwise. Nothing in it is personal data.

    Attributes:
        event_type: The stream that was drained.
        sinks: The names of the sinks.
        end_reason: Why the drain ended.
        error: What failed, why and what to do, if it ended as failed.
        is_access_refused: Whether it failed because it got no token or the server denied access.
        token_renewals_failed: How often a token that could not be renewed was used on, or a new
            one could not be cached: later runs mint their own, or have none once the old one ends.
        tokens_too_short: How many new tokens expire too soon to be shared: each run mints its own.
        received: Deliveries that arrived.
        heartbeats: Messages that arrived beside them, with neither an event nor a handle.
        redelivered: Those of them that the server marked as sent before.
        quarantined: Those of them that cannot become a line.
        oversize: Those of them that are too large for a message.
        committed: Those of them that all sinks have.
        acked: Those of them whose ack the server confirmed.
        left: Received and not acked, by reason: the server sends these events again.
        failed: Not written by a sink, by its name.
        failures: How often each code is the cause for what is left, by ``<where>:<code>``.
        batches: How many commits there were.
        connections: How often the stream was opened.
        bytes_received: Size of the messages received.
        oldest_event_age_seconds: The age of the oldest event on arrival.
        last_events_age_seconds: The age on arrival of what was taken last; see ``lag.Lag``.
        run_seconds: From the start of the drain to its end.
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
        """Whether somebody must act before the next run can do better."""
        return self.end_reason is EndReason.FAILED

    @property
    def is_behind(self) -> bool:
        """Whether it committed events and left others waiting, so that another run is needed.

        A drain that reaches the limit has most likely left some. One that reaches the window's end
        may only have drained a lively stream with nothing waiting: then its last events were young.
        """
        if not self.acked:
            return False
        if self.end_reason is EndReason.WINDOW:
            return self.last_events_age_seconds > _WAITED_SECONDS
        return self.end_reason is EndReason.LIMIT

    @property
    def ack_failed(self) -> int:
        """Deliveries in all sinks whose ack the server did not confirm."""
        return self.left[LeftReason.ACK]

    def add_messages(self, sizes: int, deliveries: Sequence[Delivery], heartbeats: int) -> None:
        """Count messages that were taken: their size in bytes, and what they were."""
        self.bytes_received += sizes
        self.heartbeats += heartbeats
        self.received += len(deliveries)
        for delivery in deliveries:
            self.redelivered += delivery.redelivered
            self.quarantined += delivery.pointer is PointerReason.QUARANTINE
            self.oversize += delivery.pointer is PointerReason.OVERSIZE
            self.oldest_event_age_seconds = max(self.oldest_event_age_seconds, delivery.age_seconds)

    def add_untaken(self, messages: Sequence[bytes]) -> None:
        """Count messages that arrived too late to be taken."""
        self.bytes_received += sum(map(len, messages))
        self.received += len(messages)
        if messages:
            self.left[LeftReason.NOT_TAKEN] += len(messages)

    def add_outcome(self, outcome: Outcome) -> None:
        """Count the outcome of a batch; a fatal failure makes the drain a failed one."""
        self.batches += 1
        self.committed += outcome.written
        self.acked += outcome.acked
        self.left.update(outcome.left)
        self.failed.update(outcome.failed)
        self.failures.update(outcome.failures)
        if outcome.fatal is not None:
            self.fail(outcome.fatal)

    def add_tokens(self, *, renewals_failed: int, too_short: int) -> None:
        """Count what went wrong with the token that runs share."""
        self.token_renewals_failed += renewals_failed
        self.tokens_too_short += too_short

    def fail(self, cause: DrainError | Failure) -> None:
        """Note what makes the drain a failed one; the first cause is the report's error."""
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
        """Note the end of the drain, after all outcomes.

        What is neither acked nor left although nothing is under way was lost to a bug and counts
        as left.
        """
        self.end_reason = EndReason.FAILED if self.error is not None else reason
        self.connections = connections
        self.last_events_age_seconds = last_events_age_seconds
        self.run_seconds = run_seconds
        if missing := self.received - self.acked - self.left.total():
            self.left[LeftReason.UNEXPECTED] += missing

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object, for the log and for the caller."""
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
