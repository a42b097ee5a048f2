"""What becomes of a batch: counts that make up the whole, and why something is left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from eventdrain.errors import Verdict
from eventdrain.unexpected import unexpected_refusal

if TYPE_CHECKING:
    from eventdrain.errors import Refusal


class LeftReason(StrEnum):
    """Why a delivery was received and not acked; the server sends its event again."""

    ARCHIVE = "archive"
    """The archive refused it, and perhaps the outbox did too."""
    OUTBOX = "outbox"
    """Archived, but the outbox refused it."""
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
        archive_refused: How many the archive refused.
        outbox_refused: How many the outbox refused; some of them may be refused by both.
        refusals: How often each code was given for what is left, by ``<where>:<code>``.
        fatal: The refusal that ends the run, if there was one.
    """

    written: int = 0
    acked: int = 0
    left: Counter[LeftReason] = field(default_factory=Counter)
    archive_refused: int = 0
    outbox_refused: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    fatal: Refusal | None = None

    @classmethod
    def unexpected(cls, bug: BaseException, size: int) -> Outcome:
        """Return the outcome of a batch whose commit was ended by a bug."""
        refusal = unexpected_refusal(bug, "a commit")
        outcome = cls()
        for _ in range(size):
            outcome.leave(LeftReason.UNEXPECTED, refusal)
        return outcome

    @property
    def size(self) -> int:
        """How many deliveries the batch had."""
        return self.acked + self.left.total()

    def leave(self, reason: LeftReason, *refusals: Refusal | None) -> None:
        """Count a delivery as left.

        Args:
            reason: Why.
            refusals: Those that it met with; the first is the cause, and any can end the run.
        """
        self.left[reason] += 1
        met = [refusal for refusal in refusals if refusal is not None]
        self.refusals[f"{reason}:{met[0].code}"] += 1
        ending = (refusal for refusal in met if refusal.verdict is Verdict.END_RUN)
        self.fatal = self.fatal or next(ending, None)
