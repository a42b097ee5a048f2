from __future__ import annotations

from eventdrain.drain import LeftReason, Outcome
from eventdrain.errors import Refusal, Verdict
from tests.fakes import END_RUN, LEAVE_EVENT, TRY_AGAIN


def test_left_for_the_first_refusal() -> None:
    """A delivery is left once, for one reason, by the code of the refusal that came first."""
    outcome = Outcome(acked=3)

    outcome.leave(LeftReason.ARCHIVE, LEAVE_EVENT, TRY_AGAIN)
    outcome.leave(LeftReason.OUTBOX, TRY_AGAIN)
    outcome.leave(LeftReason.ARCHIVE, LEAVE_EVENT, None)

    assert outcome.size == 6
    assert outcome.left == {LeftReason.ARCHIVE: 2, LeftReason.OUTBOX: 1}
    assert outcome.refusals == {"archive:MadeUpTooLong": 2, "outbox:MadeUpThrottle": 1}
    assert outcome.fatal is None


def test_any_refusal_can_end_the_run() -> None:
    """A refusal that ends the run does so although another is the reason."""
    outcome = Outcome()

    outcome.leave(LeftReason.ARCHIVE, TRY_AGAIN, END_RUN)

    assert outcome.fatal is END_RUN
    assert outcome.refusals == {"archive:MadeUpThrottle": 1}


def test_first_ending_is_kept() -> None:
    """Of several refusals that end the run the first is told."""
    second = Refusal("MadeUpGone", "somebody else must act", Verdict.END_RUN)
    outcome = Outcome()

    outcome.leave(LeftReason.OUTBOX, END_RUN)
    outcome.leave(LeftReason.OUTBOX, second)

    assert outcome.fatal is END_RUN
