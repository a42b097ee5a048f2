"""What becomes of a batch: counts that make up the whole, and why something is left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from eventdrain.errors import FailureKind
from eventdrain.unexpected import unexpected_failure

if TYPE_CHECKING:
    from eventdrain.errors import Failure


class LeftReason(StrEnum):
    """Why a delivery was received and not acked; the server sends its event again."""

    ARCHIVE = "archive"
    """The archive refused it, and perhaps the queue did too."""
    QUEUE = "queue"
    """Archived, but the queue refused it."""
    ACK = "ack"
    """Written to both sinks, but the server did not confirm its ack."""
    UNEXPECTED = "unexpected"
    """A bug ended its commit, or kept it from one: it may be written, and acked, or not."""
    NOT_TAKEN = "not_taken"
    """It came too late: the limit or the end of the window was reached."""


@dataclass(slots=True)
class Outcome:
    """What became of the deliveries of one batch.

    Attributes:
        written: How many are durable in both sinks.
        acked: How many of those the server confirmed.
        left: The others, by reason; ``acked`` and these make up the batch.
        archive_failed: How many the archive refused.
        queue_failed: How many the queue refused; some of them may be refused by both.
        failures: How often each code was given for what is left, by ``<where>:<code>``.
        fatal: The failure that ends the run, if there was one.
    """

    written: int = 0
    acked: int = 0
    left: Counter[LeftReason] = field(default_factory=Counter)
    archive_failed: int = 0
    queue_failed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    fatal: Failure | None = None

    @classmethod
    def unexpected(cls, bug: BaseException, size: int) -> Outcome:
        """Return the outcome of a batch whose commit was ended by a bug."""
        failure = unexpected_failure(bug, "a commit")
        outcome = cls()
        for _ in range(size):
            outcome.leave(LeftReason.UNEXPECTED, failure)
        return outcome

    @property
    def size(self) -> int:
        """How many deliveries the batch had."""
        return self.acked + self.left.total()

    def leave(self, reason: LeftReason, *failures: Failure | None) -> None:
        """Count a delivery as left.

        Args:
            reason: Why.
            failures: Those that it met with; the first is the cause, and any can end the run.
        """
        self.left[reason] += 1
        met = [failure for failure in failures if failure is not None]
        self.failures[f"{reason}:{met[0].code}"] += 1
        ending = (failure for failure in met if failure.kind is FailureKind.FATAL)
        self.fatal = self.fatal or next(ending, None)
