from __future__ import annotations

from eventdrain.drain import Outcome
from eventdrain.errors import Failure, FailureKind
from tests.fakes import END_RUN, LEAVE_EVENT, TRY_AGAIN


def test_left_for_the_first_failure() -> None:
    """A delivery is left once, with the code of its first failure."""
    outcome = Outcome(acked=3)
    outcome.leave("archive", LEAVE_EVENT, TRY_AGAIN)
    outcome.leave("queue", TRY_AGAIN)
    outcome.leave("archive", LEAVE_EVENT)
    assert outcome.size == 6
    assert outcome.left == {"archive": 2, "queue": 1}
    assert outcome.failures == {"archive:MadeUpTooLong": 2, "queue:MadeUpThrottle": 1}
    assert outcome.fatal is None


def test_any_failure_can_end_the_run() -> None:
    """A failure ends the run even if an earlier one is the reason for leaving the event."""
    outcome = Outcome()
    outcome.leave("archive", TRY_AGAIN, END_RUN)
    assert outcome.fatal is END_RUN
    assert outcome.failures == {"archive:MadeUpThrottle": 1}


def test_first_ending_is_kept() -> None:
    """The first of several failures that end the run is reported."""
    second = Failure("MadeUpGone", "somebody else must act", FailureKind.FATAL)
    outcome = Outcome()
    outcome.leave("queue", END_RUN)
    outcome.leave("queue", second)
    assert outcome.fatal is END_RUN
