from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from eventdrain.drain import EndReason, Pace, Window

WINDOW: Final = Window(read_until=100.0, commit_until=110.0)
IDLE: Final = timedelta(seconds=5)


def pace(limit: int = 1000, max_in_flight: int = 200) -> Pace:
    """Make the pace of a window that reads for 100 seconds."""
    return Pace(WINDOW, limit=limit, idle=IDLE, max_in_flight=max_in_flight)


# --- Room and the limit ---


def test_room_is_what_may_be_in_flight() -> None:
    """At first there is room for all that may be in flight; what is taken fills it."""
    pacing = pace()
    assert pacing.room == 200

    pacing.took(150, 1.0)

    assert pacing.room == 50
    assert not pacing.is_last


def test_settled_makes_room() -> None:
    """What is committed or left makes room for others."""
    pacing = pace()
    pacing.took(200, 1.0)

    pacing.settled(committed=90, left=10, now=2.0)

    assert pacing.room == 100


def test_limit_counts_what_is_taken() -> None:
    """All that is taken counts against the limit, for all of it may be committed."""
    pacing = pace(limit=150)
    assert pacing.room == 150

    pacing.took(150, 1.0)

    assert pacing.room == 0
    assert pacing.is_last
    assert pacing.end(1.0) is None


def test_limit_counts_only_what_is_committed() -> None:
    """What was left makes room below the limit again."""
    pacing = pace(limit=150)
    pacing.took(150, 1.0)

    pacing.settled(committed=149, left=1, now=2.0)

    assert pacing.room == 1
    assert pacing.end(2.0) is None


def test_limit_ends_when_all_is_committed() -> None:
    """The drain ends when the last event is committed, not when it is taken."""
    pacing = pace(limit=1)

    pacing.took(1, 3.0)
    assert pacing.end(3.0) is None

    pacing.settled(committed=1, left=0, now=4.0)
    assert pacing.end(4.0) is EndReason.LIMIT
    assert pacing.room == 0


# --- Idle ---


def test_idle_counts_from_the_opening() -> None:
    """A proven stream that was quiet for so long since it was opened is idle, to the moment."""
    pacing = pace()
    pacing.proven(10.0)

    assert pacing.ends_at == pytest.approx(15.0)
    assert pacing.end(14.999) is None
    assert pacing.end(15.0) is EndReason.IDLE


def test_not_idle_before_it_was_open() -> None:
    """A stream that never opened is not quiet, it is away."""
    pacing = pace()

    assert pacing.end(99.9) is None
    assert pacing.ends_at == pytest.approx(100.0)


def test_not_idle_while_closed() -> None:
    """While no stream is proven nobody is idle; the quiet counts on when one is again."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.closed(12.0)
    assert pacing.end(50.0) is None

    pacing.proven(13.0)

    assert pacing.end(14.9) is None
    assert pacing.end(15.0) is EndReason.IDLE


def test_quiet_is_counted_anew_after_an_attempt_without_an_answer() -> None:
    """Between two proven streams the event API was away: what happened then may come late."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.closed(12.0)
    pacing.unproven()

    pacing.proven(60.0)

    assert pacing.end(64.9) is None
    assert pacing.end(65.0) is EndReason.IDLE


def test_another_stream_without_an_answer_does_not_break_the_quiet() -> None:
    """One proven stream is enough, whatever becomes of others beside it."""
    pacing = pace()
    pacing.proven(10.0)

    pacing.unproven()

    assert pacing.end(15.0) is EndReason.IDLE


def test_heard_is_the_time_of_proven_streams_one_after_another() -> None:
    """Short gaps between proven streams count as heard, those with a failed attempt don't."""
    pacing = pace()
    assert pacing.heard_seconds(5.0) == 0
    pacing.proven(10.0)
    assert pacing.heard_seconds(12.0) == 2
    pacing.closed(13.0)
    assert pacing.heard_seconds(14.0) == 3
    pacing.proven(15.0)
    pacing.proven(15.5)  # another beside it
    pacing.closed(16.0)
    assert pacing.heard_seconds(20.0) == 10
    pacing.closed(20.0)
    pacing.unproven()
    pacing.unproven()
    assert pacing.heard_seconds(50.0) == 10
    pacing.proven(50.0)
    assert pacing.heard_seconds(51.0) == 11


def test_not_idle_with_something_uncommitted() -> None:
    """While something is uncommitted the server may have no room to send."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.took(1, 11.0)
    assert pacing.end(50.0) is None

    pacing.settled(committed=1, left=0, now=60.0)

    assert pacing.end(64.9) is None
    assert pacing.end(65.0) is EndReason.IDLE


def test_not_idle_while_closed_though_something_was_taken() -> None:
    """What arrived before the stream closed may be taken later; the stream is closed still."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.closed(10.5)

    pacing.took(1, 11.0)
    pacing.settled(committed=0, left=1, now=12.0)

    assert pacing.end(50.0) is None


def test_commit_while_closed_is_no_sign_of_quiet() -> None:
    """A commit that ends while the stream is closed doesn't start the count."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.took(1, 11.0)
    pacing.closed(10.5)

    pacing.settled(committed=1, left=0, now=12.0)

    assert pacing.end(50.0) is None


# --- Which end ---


def test_ends_with_the_window_at_the_latest() -> None:
    """What would be idle only after the window ends with the window."""
    pacing = pace()
    pacing.proven(98.0)

    assert pacing.ends_at == pytest.approx(100.0)


def test_window_ends_to_the_moment() -> None:
    """The window ends reading at its moment, uncommitted or not."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.took(1, 99.0)

    assert pacing.end(99.999) is None
    assert pacing.end(100.0) is EndReason.WINDOW


def test_priority() -> None:
    """Where several reasons hold, the one that says most is told."""
    pacing = pace(limit=1)
    pacing.proven(1.0)
    assert pacing.end(200.0) is EndReason.WINDOW, "before idle"

    pacing.took(1, 2.0)
    pacing.settled(committed=1, left=0, now=3.0)
    assert pacing.end(200.0) is EndReason.LIMIT, "before window and idle"

    pacing.failed()
    assert pacing.end(200.0) is EndReason.FAILED, "before all others"


class PaceMachine(RuleBasedStateMachine):
    """Does to a pace whatever a drain may do, and holds it to a model of plain counts.

    What is taken while the stream is closed is left out: see
    ``test_not_idle_while_closed_though_something_was_taken``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.committed = 0
        self.uncommitted = 0
        self.proven_streams = 0
        self.is_interrupted = True
        self.has_failed = False
        self.last_sign_of_life = 0.0

    @initialize(
        read_until=st.sampled_from([40.0, 1e6]),
        limit=st.sampled_from([10, 1_000_000]),
        max_in_flight=st.integers(1, 20),
    )
    def begin(self, read_until: float, limit: int, max_in_flight: int) -> None:
        """Make the pace."""
        self.read_until = read_until
        self.limit = limit
        self.max_in_flight = max_in_flight
        self.pace = Pace(
            Window(read_until=read_until, commit_until=read_until + 10),
            limit=limit,
            idle=IDLE,
            max_in_flight=max_in_flight,
        )

    @rule(seconds=st.sampled_from([0.5, 4.5, 5.0]))
    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds

    @rule(open_for=st.sampled_from([0.0, 0.25, 3.0]))
    def prove(self, open_for: float) -> None:
        """Prove a stream; the quiet since others were proven counts on."""
        opened_at = max(0.0, self.now - open_for)
        self.pace.proven(opened_at)
        if self.is_interrupted:
            self.last_sign_of_life = max(self.last_sign_of_life, opened_at)
        self.is_interrupted = False
        self.proven_streams += 1

    @precondition(lambda self: self.proven_streams)
    @rule()
    def close(self) -> None:
        """Close a stream."""
        self.pace.closed(self.now)
        self.proven_streams -= 1

    @rule()
    def fail_to_prove(self) -> None:
        """End an attempt without an answer."""
        self.pace.unproven()
        self.is_interrupted |= not self.proven_streams

    @precondition(lambda self: self.proven_streams and self.pace.room)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        """Take as many as there is room for, or fewer."""
        count = data.draw(st.integers(1, self.pace.room))
        self.pace.took(count, self.now)
        self.uncommitted += count
        self.last_sign_of_life = self.now

    @precondition(lambda self: self.uncommitted)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """Learn what became of some of what was taken."""
        size = data.draw(st.just(self.uncommitted) | st.integers(1, self.uncommitted))
        committed = data.draw(st.integers(0, size))
        self.pace.settled(committed=committed, left=size - committed, now=self.now)
        self.uncommitted -= size
        self.committed += committed
        self.last_sign_of_life = self.now

    @rule(chance=st.integers(0, 50))
    def fail(self, chance: int) -> None:
        """Meet an error that trying again won't hint, but not so often that it hides the rest."""
        if chance == 50:
            self.pace.failed()
            self.has_failed = True

    @invariant()
    def never_more_than_the_limit(self) -> None:
        """The limit is hard, whatever was left in between."""
        assert self.committed <= self.limit
        assert self.committed + self.uncommitted + self.pace.room <= self.limit

    @invariant()
    def room_is_within_bounds(self) -> None:
        """Room is neither negative nor more than may be in flight, and none is kept back."""
        assert self.pace.room >= 0
        assert self.uncommitted + self.pace.room <= self.max_in_flight
        assert self.uncommitted + self.pace.room == min(
            self.max_in_flight, self.limit - self.committed
        )

    @invariant()
    def is_last_before_the_limit(self) -> None:
        """What is taken is the last when no more may be."""
        assert self.pace.is_last == (self.committed + self.uncommitted == self.limit)

    @invariant()
    def ends_for_the_first_reason(self) -> None:
        """The reason for an end is the first that holds, in their order."""
        idle_at = self.last_sign_of_life + IDLE.total_seconds()
        if self.has_failed:
            expected = EndReason.FAILED
        elif self.committed == self.limit:
            expected = EndReason.LIMIT
        elif self.now >= self.read_until:
            expected = EndReason.WINDOW
        elif self.proven_streams and not self.uncommitted and self.now >= idle_at:
            expected = EndReason.IDLE
        else:
            assert self.pace.end(self.now) is None
            return
        assert self.pace.end(self.now) is expected

    @invariant()
    def tells_when_it_will_end(self) -> None:
        """If nothing happens, it ends at the moment that it tells, and not before."""
        if self.pace.end(self.now) is None:
            assert self.pace.ends_at > self.now
            assert self.pace.end(self.pace.ends_at - 0.001) is None
            assert self.pace.end(self.pace.ends_at) is not None


TestPace = PaceMachine.TestCase
TestPace.settings = settings(max_examples=300, stateful_step_count=60)
