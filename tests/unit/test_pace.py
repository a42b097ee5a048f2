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


def pace() -> Pace:
    """Make the pace of a window that reads for 100 seconds."""
    return Pace(WINDOW, limit=1000, idle=IDLE, max_in_flight=200)


def test_heard_is_the_time_of_proven_streams_one_after_another() -> None:
    """Short gaps between proven streams count as heard; gaps with a failed attempt don't."""
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


def test_not_idle_while_closed_though_something_was_taken() -> None:
    """Taking earlier messages after the stream closed doesn't make the drain idle."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.closed(10.5)
    pacing.took(1, 11.0)
    pacing.committing(1)
    pacing.settled(committed=0, left=1, now=12.0)
    assert pacing.end(50.0) is None


def test_commit_while_closed_is_no_sign_of_quiet() -> None:
    """A commit that ends while the stream is closed doesn't start the idle time."""
    pacing = pace()
    pacing.proven(10.0)
    pacing.took(1, 11.0)
    pacing.committing(1)
    pacing.closed(10.5)
    pacing.settled(committed=1, left=0, now=12.0)
    assert pacing.end(50.0) is None


@pytest.mark.parametrize(
    ("answers", "quiet"),
    [([0.02], 1.0), ([0.25], 1.0), ([0.5], 2.0), ([1.0], 4.0), ([30.0], 5.0), ([0.6, 0.1], 2.4)],
)
def test_slow_api_gets_more_time(answers: list[float], quiet: float) -> None:
    """The quiet time is four times the slowest answer, from the limit up to five seconds."""
    pacing = Pace(WINDOW, limit=1000, idle=timedelta(seconds=1), max_in_flight=200)
    for seconds in answers:
        pacing.answered(seconds)
    pacing.proven(10.0)
    assert pacing.ends_at == pytest.approx(10.0 + quiet)


def test_slow_api_does_not_shorten_the_limit() -> None:
    """A limit above five seconds holds, however slow the API is."""
    pacing = Pace(WINDOW, limit=1000, idle=timedelta(seconds=60), max_in_flight=200)
    pacing.answered(30.0)
    pacing.proven(10.0)
    assert pacing.ends_at == 70.0


class PaceMachine(RuleBasedStateMachine):
    """Calls a pace in any order that a drain may, and compares it with a model of plain counts.

    Messages taken while the stream is closed are left out: see
    ``test_not_idle_while_closed_though_something_was_taken``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.committed = 0
        self.uncommitted = 0
        self.committing = 0
        self.acking = 0
        self.proven_streams = 0
        self.is_interrupted = True
        self.has_failed = False
        self.last_sign_of_life = 0.0

    @initialize(
        read_until=st.sampled_from([40.0, 1e6]),
        limit=st.sampled_from([10, 1_000_000]),
        of_one_stream=st.integers(1, 20),
        streams=st.integers(1, 3),
    )
    def begin(self, read_until: float, limit: int, of_one_stream: int, streams: int) -> None:
        """Make the pace."""
        self.read_until = read_until
        self.limit = limit
        self.of_one_stream = of_one_stream
        self.max_in_flight = of_one_stream * streams
        self.pace = Pace(
            Window(read_until=read_until, commit_until=read_until + 10),
            limit=limit,
            idle=IDLE,
            max_in_flight=self.max_in_flight,
            streams=streams,
        )

    @rule(seconds=st.sampled_from([0.5, 4.5, 5.0]))
    def wait(self, seconds: float) -> None:
        """Advance the time."""
        self.now += seconds

    @rule(open_for=st.sampled_from([0.0, 0.25, 3.0]))
    def prove(self, open_for: float) -> None:
        """Prove a stream; the idle time of earlier streams continues."""
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
        """End an attempt that had no answer."""
        self.pace.unproven()
        self.is_interrupted |= not self.proven_streams

    @precondition(lambda self: self.proven_streams and self.pace.room)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        """Take events, at most as many as there is room for."""
        count = data.draw(st.integers(1, self.pace.room))
        self.pace.took(count, self.now)
        self.uncommitted += count
        self.last_sign_of_life = self.now

    @precondition(lambda self: self.uncommitted > self.committing)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        """Begin to commit some taken events."""
        waiting = self.uncommitted - self.committing
        size = data.draw(st.just(waiting) | st.integers(1, waiting))
        self.pace.committing(size)
        self.committing += size

    @precondition(lambda self: self.committing > self.acking)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        """Write some events of a commit, whose acks begin."""
        count = data.draw(st.integers(1, self.committing - self.acking))
        self.pace.written(count)
        self.acking += count

    @precondition(lambda self: self.committing)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """Settle the commit of some events: written ones are committed, others are left."""
        committed = data.draw(st.integers(0, self.acking))
        left = data.draw(st.integers(0, self.committing - self.acking))
        size = committed + left
        self.pace.settled(committed=committed, left=left, now=self.now)
        if self.uncommitted >= self.of_one_stream:  # the server may have held others back
            self.last_sign_of_life = self.now
        self.uncommitted -= size
        self.committing -= size
        self.acking -= committed
        self.committed += committed

    @rule(chance=st.integers(0, 50))
    def fail(self, chance: int) -> None:
        """Report a fatal error, rarely, so that it doesn't hide other behaviour."""
        if chance == 50:
            self.pace.failed()
            self.has_failed = True

    @invariant()
    def never_more_than_the_limit(self) -> None:
        """The limit is never exceeded."""
        assert self.committed <= self.limit
        assert self.committed + self.uncommitted + self.pace.room <= self.limit

    @invariant()
    def room_is_within_bounds(self) -> None:
        """Room is for max_in_flight events that are not written, and as many whose acks go on."""
        assert self.pace.room >= 0
        assert self.uncommitted + self.pace.room == min(
            self.max_in_flight + min(self.acking, self.max_in_flight),
            self.limit - self.committed,
        )

    @invariant()
    def is_last_before_the_limit(self) -> None:
        """The last event before the limit is recognised."""
        assert self.pace.is_last == (self.committed + self.uncommitted == self.limit)

    @invariant()
    def ends_for_the_first_reason(self) -> None:
        """The end reason is the first that applies, in order."""
        idle_at = self.last_sign_of_life + IDLE.total_seconds()
        if self.has_failed:
            expected = EndReason.FAILED
        elif self.committed == self.limit:
            expected = EndReason.LIMIT
        elif self.now >= self.read_until:
            expected = EndReason.WINDOW
        elif self.proven_streams and not self.committing and self.now >= idle_at:
            expected = EndReason.IDLE
        else:
            assert self.pace.end(self.now) is None
            return
        assert self.pace.end(self.now) is expected

    @invariant()
    def ends_when_it_says(self) -> None:
        """Without events, it ends exactly at ``ends_at``."""
        if self.pace.end(self.now) is None:
            assert self.pace.ends_at > self.now
            assert self.pace.end(self.pace.ends_at - 0.001) is None
            assert self.pace.end(self.pace.ends_at) is not None


TestPace = PaceMachine.TestCase
TestPace.settings = settings(max_examples=300, stateful_step_count=60)
