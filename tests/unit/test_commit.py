from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.drain import Commit, LeftReason, Outcome
from eventdrain.errors import Failure, FailureKind, TokenUnavailable, rejected_token
from tests.deliveries import delivery_of, oversize_of, quarantined_of
from tests.fakes import (
    ACK_TIMEOUT,
    END_RUN,
    FOR_EVER,
    LEAVE_EVENT,
    RENEW_TOKEN,
    SLOW_DOWN,
    TRY_AGAIN,
    FakeAcker,
    FakeAuthorization,
    FakeSink,
)
from tests.unit.watched_queue import WatchedQueue
from tests.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eventdrain.events import Delivery
    from tests.fakes import Answer

UNTIL: Final = 60.0
WRITTEN_BY: Final = UNTIL - 2
"""When the sinks must have answered; the rest of the time is for acks."""
BY_GATEWAY: Final = Failure("GATEWAY", "by it", FailureKind.TOKEN_REJECTED, hint="ask it")
NO_TOKEN: Final = TokenUnavailable("made up", hint="do this")
SINKS: Final = ("archive", "queue")
TURNS: Final = 0.01
"""Tolerance for the time that iterations of the loop take, in seconds."""

EVENTS: Final = [delivery_of(index) for index in range(4)]
QUARANTINED: Final = [quarantined_of(index) for index in range(4)]
MIXED: Final = [EVENTS[0], QUARANTINED[1], oversize_of(2), EVENTS[3]]


def script(answers: Mapping[int, Sequence[Answer]]) -> Callable[..., Answer]:
    """Return an answer for each attempt by the event's index, then success, for any token."""
    by_id = {
        events[index].event_id: each
        for index, each in answers.items()
        for events in (EVENTS, QUARANTINED)
    }

    def decide(delivery: Delivery, attempt: int, _token: str | None = None) -> Answer:
        return dict(enumerate(by_id.get(delivery.event_id, ()))).get(attempt)

    return decide


class Bench:
    """A commit with fakes."""

    def __init__(
        self,
        *,
        archive: FakeSink | None = None,
        queue: FakeSink | None = None,
        acks: Callable[..., Answer] = lambda *_: None,
        ack_seconds: Callable[[int], float] = lambda _call: 0.0,
        authorization: FakeAuthorization | None = None,
        ack_timeout: timedelta = ACK_TIMEOUT,
    ) -> None:
        self.archive = archive or FakeSink()
        self.queue = queue or FakeSink()
        self.watched_queue = WatchedQueue(self.queue, self.archive)
        self.acker = FakeAcker(
            acks,
            seconds=ack_seconds,
            after=(self.archive, self.queue),
        )
        self.authorization = authorization or FakeAuthorization()
        self.ack_timeout = ack_timeout
        self.took = 0.0

    def commit(
        self, deliveries: Sequence[Delivery], *, until: float = UNTIL, seconds_in_thread: float = 0
    ) -> Outcome:
        """Commit a batch, and check the outcome's invariants."""

        async def commit() -> Outcome:
            committing = Commit(
                sinks={"archive": self.archive, "queue": self.watched_queue},
                acker=self.acker,
                authorization=self.authorization,
                ack_timeout=self.ack_timeout,
                clock=now,
            )
            outcome = await committing(deliveries, until=until)
            self.took = now()
            return outcome

        outcome = run(commit(), seconds_in_thread=seconds_in_thread)
        self._check(deliveries, outcome)
        return outcome

    def _check(self, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
        acked = {each for each in deliveries if each.ack_info in set(self.acker.acked)}
        assert self.acker.premature == [], "acked before both sinks had it"
        assert self.watched_queue.premature == [], "pointer sent before the archive had the event"
        assert outcome.size == len(deliveries), "the outcome doesn't reconcile"
        assert outcome.acked == len(acked)
        assert outcome.written == outcome.acked + outcome.left[LeftReason.ACK]
        assert outcome.written <= sum(
            each.event_id in self.archive.held and each.event_id in self.queue.held
            for each in deliveries
        )
        assert sum(outcome.failures.values()) == outcome.left.total()
        assert outcome.left["archive"] == outcome.failed["archive"]
        assert outcome.left["queue"] <= outcome.failed["queue"]


# --- Success ---


@pytest.mark.parametrize(
    ("archive", "queue", "ack", "failures", "took"),
    [
        # The sinks are written concurrently, and acks wait for the slower one.
        (3.0, 2.0, 1.0, {}, 4.0),
        (FOR_EVER, 0.0, 0.0, {"archive:OutOfTime": 4}, WRITTEN_BY),
        (0.0, FOR_EVER, 0.0, {"queue:OutOfTime": 4}, WRITTEN_BY),
        (0.0, 0.0, FOR_EVER, {"ack:DEADLINE_EXCEEDED": 4}, UNTIL),
        # Events that a sink confirms at the last moment are acked, and the answer is awaited.
        (WRITTEN_BY - TURNS, 0.0, 1.5, {}, WRITTEN_BY + 1.5),
    ],
)
def test_time(
    archive: float, queue: float, ack: float, failures: dict[str, int], took: float
) -> None:
    """A sink or server that hangs doesn't delay the commit beyond the window; events are left."""
    bench = Bench(
        archive=FakeSink(seconds=lambda _: archive),
        queue=FakeSink(seconds=lambda _: queue),
        ack_seconds=lambda _: ack,
    )
    outcome = bench.commit(EVENTS)
    assert outcome.failures == failures
    assert outcome.acked == (0 if failures else 4)
    assert bench.took == pytest.approx(took, abs=2 * TURNS)


def test_duplicates_are_written_once_and_all_acked() -> None:
    """Two deliveries of one event in a batch make one line, and both are acked."""
    again = delivery_of(1, delivery=1, redelivered=True)
    bench = Bench()
    outcome = bench.commit([EVENTS[1], EVENTS[0], again])
    assert bench.archive.calls == [[EVENTS[1].event_id, EVENTS[0].event_id]]
    assert bench.queue.calls == bench.archive.calls
    assert bench.archive.held[again.event_id] is EVENTS[1], "the first delivery's line"
    assert bench.acker.acked == [EVENTS[1].ack_info, EVENTS[0].ack_info, again.ack_info]
    assert outcome == Outcome(written=3, acked=3)


def test_no_handle() -> None:
    """An event without a handle is written and left, as it can't be acked."""
    bench = Bench()
    outcome = bench.commit([delivery_of(7, ack_info=""), EVENTS[0]])
    assert (outcome.written, outcome.acked) == (2, 1)
    assert outcome.left == {LeftReason.ACK: 1}
    assert outcome.failures == {"ack:NoAckInfo": 1}
    assert outcome.fatal is None


# --- Pointers to the archive ---


def test_pointers_are_sent_after_the_archive() -> None:
    """A message with a pointer waits for its object; others don't wait."""
    sent_at: dict[str, float] = {}
    queue = FakeSink(lambda event, _attempt: sent_at.update({event.event_id: now()}))
    bench = Bench(archive=FakeSink(seconds=lambda _: 3.0), queue=queue)
    assert bench.commit(MIXED) == Outcome(written=4, acked=4)
    together = [[MIXED[0], MIXED[3]], [MIXED[1], MIXED[2]]]
    assert bench.queue.calls == [[event.event_id for event in each] for each in together]
    # Concurrently, in any order.
    assert sorted(bench.archive.calls) == sorted(bench.queue.calls)
    acks = [[event.ack_info for event in each] for each in together]
    assert sorted(bench.acker.calls) == sorted(acks)
    moments = [sent_at[event.event_id] for event in MIXED]
    assert moments == pytest.approx([0.0, 3.0, 3.0, 0.0], abs=TURNS)


@pytest.mark.parametrize("answer", [LEAVE_EVENT, END_RUN], ids=["leave", "end"])
@pytest.mark.parametrize("keeps_refused", [False, True])
def test_no_pointer_to_what_the_archive_refused(answer: Answer, *, keeps_refused: bool) -> None:
    """No pointer is sent if the object may be missing; the event is left."""
    archive = FakeSink(script({1: [answer], 2: [answer]}), keeps_refused=keeps_refused)
    bench = Bench(archive=archive)
    outcome = bench.commit(MIXED)
    assert bench.queue.calls == [[MIXED[0].event_id, MIXED[3].event_id]]
    assert bench.acker.calls == [[MIXED[0].ack_info, MIXED[3].ack_info]]
    assert outcome.left == {"archive": 2}
    assert (outcome.failed["archive"], outcome.failed["queue"]) == (2, 0)


# --- Failures ---

AGAIN: Final = "MadeUpThrottle"
NEVER: Final = "MadeUpTooLong"
DENIED: Final = "MadeUpDenied"


@pytest.mark.parametrize(
    ("who", "answers", "sizes", "failures", "fatal"),
    [
        ("archive", {1: [LEAVE_EVENT]}, [4], {NEVER: 1}, None),
        ("queue", {1: [LEAVE_EVENT]}, [4], {NEVER: 1}, None),
        ("archive", {0: [END_RUN], 1: [TRY_AGAIN]}, [4], {DENIED: 1, AGAIN: 1}, END_RUN),
        ("queue", {0: [END_RUN], 1: [TRY_AGAIN]}, [4], {DENIED: 1, AGAIN: 1}, END_RUN),
        ("archive", {1: [TRY_AGAIN] * 2, 3: [TRY_AGAIN]}, [4, 2, 1], {}, None),
        ("queue", {1: [TRY_AGAIN] * 2, 3: [TRY_AGAIN]}, [4, 2, 1], {}, None),
        ("ack", {1: [TRY_AGAIN] * 3, 2: [TRY_AGAIN]}, [4, 2, 1, 1], {}, None),
        ("ack", {1: [TRY_AGAIN] * 100}, [4, 1, 1, 1, 1], {AGAIN: 1}, None),
        ("ack", {1: [LEAVE_EVENT]}, [4], {NEVER: 1}, None),
        ("ack", {1: [END_RUN]}, [4], {DENIED: 1}, END_RUN),
        # An ack that was one too many at a time is no failed attempt, nor is another one's.
        ("ack", {0: [SLOW_DOWN] * 40, 1: [TRY_AGAIN] * 2}, None, {}, None),
        ("ack", {0: [SLOW_DOWN] * 5, 1: [TRY_AGAIN] * 5}, None, {AGAIN: 1}, None),
        ("ack", {0: [SLOW_DOWN] * 4 + [TRY_AGAIN], 1: [TRY_AGAIN] * 4}, None, {}, None),
    ],
)
def test_failures(
    who: str,
    answers: dict[int, list[Answer]],
    sizes: list[int] | None,
    failures: dict[str, int],
    fatal: Failure | None,
) -> None:
    """A retryable failure is retried alone; others leave the event or end the run."""
    sinks = {each: FakeSink(script(answers if who == each else {})) for each in SINKS}
    acks = script(answers if who == "ack" else {})
    bench = Bench(archive=sinks["archive"], queue=sinks["queue"], acks=acks)

    outcome = bench.commit(EVENTS)

    assert outcome.failures == {f"{who}:{code}": count for code, count in failures.items()}
    assert outcome.left == ({who: sum(failures.values())} if failures else {})
    assert outcome.acked == 4 - outcome.left.total()
    assert outcome.fatal is fatal
    calls = bench.acker.calls if who == "ack" else sinks[who].calls
    assert sizes in (None, [len(call) for call in calls])
    assert bench.took < 10 or SLOW_DOWN in answers.get(0, ())


def test_waits_grow() -> None:
    """A sink that stays down is retried with growing waits, almost until the window's end."""
    bench = Bench(archive=FakeSink(lambda _event, _attempt: TRY_AGAIN))
    outcome = bench.commit(EVENTS)
    assert outcome.left == {"archive": 4}
    assert outcome.failures == {"archive:MadeUpThrottle": 4}
    assert outcome.fatal is None
    assert bench.took <= UNTIL
    # 0.2 s doubled up to 5 s: some 17 attempts in a minute.
    assert 12 <= len(bench.archive.calls) <= 25


@pytest.mark.parametrize("archive_answer", [LEAVE_EVENT, TRY_AGAIN], ids=["leave", "try again"])
def test_worst_result_wins(archive_answer: Answer) -> None:
    """A failure that ends the run takes priority over the other sink's failure."""
    archive, queue = (FakeSink(lambda *_, each=each: each) for each in (archive_answer, END_RUN))
    assert Bench(archive=archive, queue=queue).commit(EVENTS).fatal is END_RUN


# --- Throttled acks ---


def test_throttled_acks_are_given_up_when_the_event_is_sent_again() -> None:
    """Throttled acks are given up after the ack time-out; the reason is the server's code."""
    bench = Bench(acks=lambda *_: SLOW_DOWN, ack_timeout=timedelta(seconds=10))
    outcome = bench.commit(EVENTS)
    assert outcome.failures == {"ack:RESOURCE_EXHAUSTED": 4}
    assert bench.took == pytest.approx(10.0, abs=1.0)


def test_throttled_acks_of_an_earlier_batch_go_first() -> None:
    """A large batch is acked in time although later ones wait too."""
    tokens, filled_at = 0.0, 0.0

    def limited(_delivery: Delivery, _attempt: int, _token: str | None) -> Answer:
        nonlocal tokens, filled_at
        tokens, filled_at = min(20.0, tokens + (now() - filled_at) * 50), now()
        if tokens < 1:
            return SLOW_DOWN
        tokens -= 1
        return None

    async def commit() -> Outcome:
        committing = Commit(
            sinks={"archive": FakeSink()},
            acker=FakeAcker(limited),
            authorization=FakeAuthorization(),
            ack_timeout=timedelta(seconds=10),
            clock=now,
        )
        first = asyncio.create_task(committing(list(map(delivery_of, range(200))), until=UNTIL))
        later = []
        for index in range(40):
            await asyncio.sleep(0.2)
            batch = [delivery_of(200 + 10 * index + each) for each in range(10)]
            later.append(asyncio.create_task(committing(batch, until=UNTIL)))
        await asyncio.gather(*later)
        return await first

    assert run(commit()).acked == 200


def test_acks_that_were_never_sent_are_not_confirmed() -> None:
    """Acks that the pace could not send in time are left, like rejected ones."""
    bench = Bench(
        acks=lambda _delivery, attempt, _token: SLOW_DOWN if attempt == 0 else None,
        ack_timeout=timedelta(seconds=0.5),
    )
    outcome = bench.commit([delivery_of(index) for index in range(40)])
    assert 0 < outcome.acked < 40


# --- Rejected tokens ---


def only_with_renewed(_delivery: Delivery, _attempt: int, token: str | None) -> Answer:
    """Accept the second token."""
    return None if token == "token-2" else RENEW_TOKEN


def test_rejected_token_is_renewed_once() -> None:
    """Acks that are rejected for the token are sent again with the new one."""
    authorization = FakeAuthorization()
    bench = Bench(acks=only_with_renewed, authorization=authorization)
    outcome = bench.commit(EVENTS)
    assert outcome == Outcome(written=4, acked=4)
    assert bench.acker.tokens == ["token-1", "token-2"]
    assert authorization.rejections == ["token-1"]


@pytest.mark.parametrize(
    ("authorization", "rejection", "code", "message"),
    [
        (FakeAuthorization(renewed=None), RENEW_TOKEN, RENEW_TOKEN.code, str(rejected_token())),
        (FakeAuthorization(renewed="t"), RENEW_TOKEN, RENEW_TOKEN.code, str(rejected_token())),
        (FakeAuthorization(error=NO_TOKEN), RENEW_TOKEN, "TokenUnavailable", str(NO_TOKEN)),
        # A gateway's answer may not be about the token.
        (FakeAuthorization(renewed=None), BY_GATEWAY, BY_GATEWAY.code, str(BY_GATEWAY)),
    ],
)
def test_token_that_is_not_accepted_ends_the_run(
    authorization: FakeAuthorization, rejection: Failure, code: str, message: str
) -> None:
    """Without an accepted token all deliveries are left, and the run ends with the error."""
    bench = Bench(acks=lambda *_: rejection, authorization=authorization)

    outcome = bench.commit(EVENTS)

    assert outcome.written == 4
    assert outcome.left == {LeftReason.ACK: 4}
    assert outcome.fatal is not None
    assert outcome.fatal.kind is FailureKind.FATAL
    assert outcome.failures == {f"ack:{code}": 4}
    assert (outcome.fatal.code, str(outcome.fatal)) == (code, message)
    assert len(bench.acker.calls) <= 2
    assert authorization.renewals <= 1


def test_slow_renewal_is_left_in_time() -> None:
    """A slow token endpoint doesn't delay the commit beyond the window."""
    bench = Bench(acks=only_with_renewed)
    bench.commit(EVENTS, until=5.0, seconds_in_thread=30.0)
    assert bench.took <= 5.0 + TURNS


def test_no_token_is_an_outcome() -> None:
    """If the port raises because there is no token, the batch is left, and nothing is raised."""

    class NoToken(FakeAuthorization):
        def token(self) -> str | None:
            raise NO_TOKEN

    assert Bench(authorization=NoToken()).commit(EVENTS).left == {LeftReason.ACK: 4}


# --- Whatever happens ---

_answers: Final = st.lists(
    st.sampled_from([None, TRY_AGAIN, TRY_AGAIN, LEAVE_EVENT, END_RUN]), max_size=4
)
_ack_answers: Final = st.lists(
    st.sampled_from([None, TRY_AGAIN, TRY_AGAIN, LEAVE_EVENT, RENEW_TOKEN, END_RUN]), max_size=7
)
_seconds: Final = st.lists(st.sampled_from([0.0, 0.0, 0.5, 5.0, FOR_EVER]), max_size=4)


def in_turn(values: Sequence[float]) -> Callable[[int], float]:
    """Return a function with these times by call, then 0."""
    return lambda call: values[call] if call < len(values) else 0.0


@st.composite
def sinks(draw: st.DrawFn) -> FakeSink:
    """Draw a sink with any behaviour."""
    return FakeSink(
        script(dict(enumerate(draw(st.lists(_answers, min_size=4, max_size=4))))),
        seconds=in_turn(draw(_seconds)),
        keeps_refused=draw(st.booleans()),
    )


@given(
    archive=sinks(),
    queue=sinks(),
    acks=st.lists(_ack_answers, min_size=4, max_size=4),
    ack_seconds=_seconds,
    kinds=st.tuples(
        *[st.sampled_from([delivery_of, delivery_of, quarantined_of, oversize_of])] * 4
    ),
    batch=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8, unique=True
    ),
    until=st.sampled_from([0.0, 0.3, 3.0, 60.0]),
    renewed=st.sampled_from(["token-2", None]),
)
def test_whatever_the_answers(
    archive: FakeSink,
    queue: FakeSink,
    acks: list[list[Answer]],
    ack_seconds: list[float],
    kinds: tuple[Callable[..., Delivery], ...],
    batch: list[tuple[int, int]],
    until: float,
    renewed: str | None,
) -> None:
    """No order of answers loses, duplicates or prematurely acks an event, or exceeds the window."""
    bench = Bench(
        archive=archive,
        queue=queue,
        acks=script(dict(enumerate(acks))),
        ack_seconds=in_turn(ack_seconds),
        authorization=FakeAuthorization(renewed=renewed),
    )
    deliveries = [kinds[index](index, delivery=delivery) for index, delivery in batch]

    outcome = bench.commit(deliveries, until=until)

    assert bench.took <= until + TURNS
    assert bench.authorization.renewals <= 1
    pointing = {each.event_id for each in deliveries if each.pointer}
    lines = {each.event_id for each in deliveries} - pointing
    for written in (lines, pointing):
        for sink in (archive, queue):
            calls = [[each for each in call if each in written] for call in sink.calls]
            assert_only_refused_are_written_again([call for call in calls if call])
    # Every ack is confirmed once, and not repeated after that.
    assert max(Counter(bench.acker.acked).values(), default=1) == 1
    assert outcome.fatal is None or outcome.fatal.kind is FailureKind.FATAL


def assert_only_refused_are_written_again(calls: list[list[str]]) -> None:
    """Assert that each call has a part of the previous one, in order."""
    for earlier, later in pairwise(calls):
        remaining = iter(earlier)
        assert all(event_id in remaining for event_id in later)


def test_bug_in_one_half_does_not_leave_the_other_under_way() -> None:
    """A commit that raises has first ended all that it had begun, acks too."""

    class Torn(Commit):
        async def _commit(self, *arguments: Any, is_pointing: bool) -> None:
            if is_pointing:
                raise ZeroDivisionError
            await super()._commit(*arguments, is_pointing=is_pointing)

    acker = FakeAcker(seconds=lambda _call: 1.0)
    commit = Torn(
        sinks={"archive": FakeSink(), "queue": FakeSink()},
        acker=acker,
        authorization=FakeAuthorization(),
        ack_timeout=ACK_TIMEOUT,
        clock=now,
    )

    async def commit_mixed() -> None:
        with pytest.raises(ZeroDivisionError):
            await commit(MIXED, until=UNTIL)
        assert acker.acked == [MIXED[0].ack_info, MIXED[3].ack_info]

    run(commit_mixed())
