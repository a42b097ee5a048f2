"""The outcome of a batch: counts that add up to its size, and why deliveries are left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from eventdrain.errors import FailureKind, unexpected_failure

if TYPE_CHECKING:
    from eventdrain.errors import Failure


class LeftReason(StrEnum):
    """Why a delivery was received and not acked, so that the server sends its event again.

    A sink's name is a reason, too: that sink failed, and perhaps those after it did.
    """

    ACK = "ack"
    """Written to all sinks, but the server did not confirm its ack."""
    UNEXPECTED = "unexpected"
    """A bug ended its commit, or prevented one: it may be written and acked, or not."""
    NOT_TAKEN = "not_taken"
    """It arrived too late: the limit or the end of the window was reached."""


@dataclass(slots=True)
class Outcome:
    """The outcome of the deliveries of one batch.

    Attributes:
        written: How many are durable in all sinks.
        acked: How many of those the server confirmed.
        left: The others, by reason; ``acked`` and these add up to the batch.
        failed: How many each sink failed to write, by the sink's name.
        failures: How often each code is the cause for what is left, by ``<where>:<code>``.
        fatal: The failure that ends the run, if there was one.
    """

    written: int = 0
    acked: int = 0
    left: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
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

    def leave(self, reason: str, *failures: Failure) -> None:
        """Count a delivery as left.

        Args:
            reason: A ``LeftReason`` or a sink's name.
            failures: All of its failures; the first is the cause, and any of them can be fatal.
        """
        self.left[reason] += 1
        self.failures[f"{reason}:{failures[0].code}"] += 1
        fatal = (failure for failure in failures if failure.kind is FailureKind.FATAL)
        self.fatal = self.fatal or next(fatal, None)
