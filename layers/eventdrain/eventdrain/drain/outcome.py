"""The outcome of a batch: counts that add up to its size, and why deliveries were left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from eventdrain.errors import FailureKind, unexpected_failure

if TYPE_CHECKING:
    from eventdrain.errors import Failure


class LeftReason(StrEnum):
    """Why a delivery was received but not acked. The server delivers its event again.

    A sink's name is a reason too: it is the first sink that failed to write the event.
    """

    ACK = "ack"
    """All sinks have the event, but the server did not confirm the ack."""
    UNEXPECTED = "unexpected"
    """A bug ended or prevented the commit. The event may or may not be written and acked."""
    NOT_TAKEN = "not_taken"
    """The message arrived after the limit or the end of the window was reached."""


@dataclass(slots=True)
class Outcome:
    """The outcome of one batch, in numbers of deliveries.

    Attributes:
        written: Deliveries that all sinks have.
        acked: Written deliveries whose ack the server confirmed.
        left: The other deliveries by reason. ``acked`` and ``left`` add up to the batch's size.
        failed: Deliveries that a sink failed to write, by the sink's name.
        failures: The causes of ``left``, counted by ``<reason>:<code>``.
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
        """Return the outcome of a batch whose commit ended with an unexpected error."""
        failure = unexpected_failure(bug, "a commit")
        outcome = cls()
        for _ in range(size):
            outcome.leave(LeftReason.UNEXPECTED, failure)
        return outcome

    @property
    def size(self) -> int:
        """The number of deliveries in the batch."""
        return self.acked + self.left.total()

    def leave(self, reason: str, *failures: Failure) -> None:
        """Count a delivery as left.

        Args:
            reason: A ``LeftReason`` or a sink's name.
            failures: All failures of the delivery. The first is counted as the cause; any of them
                may be fatal.
        """
        self.left[reason] += 1
        self.failures[f"{reason}:{failures[0].code}"] += 1
        fatal = (failure for failure in failures if failure.kind is FailureKind.FATAL)
        self.fatal = self.fatal or next(fatal, None)
