from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.commit import LeftReason
from eventdrain.errors import (
    NOT_ACCEPTED,
    StreamEnded,
    StreamRefused,
    TokenUnavailable,
    Unauthenticated,
)
from eventdrain.window import EndReason
from tests.deliveries import message, unreadable_message
from tests.fakes import (
    END_RUN,
    FOR_EVER,
    LEAVE_EVENT,
    RENEW_TOKEN,
    TRY_AGAIN,
    Arrival,
    FakeAuthorization,
    FakeEventSource,
    FakeSink,
    Script,
)
from tests.unit.drain_bench import COMMIT_UNTIL, IDLE, LINGER, READ_UNTIL, TURNS, DrainBench
from tests.virtual_time import now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventdrain.delivery import Delivery
    from eventdrain.errors import StreamError
    from tests.fakes import Answer

REFUSED: Final = StreamRefused("made up: not this stream")
REJECTED: Final = Unauthenticated("made up: not this token")


def messages(indexes: Iterable[int]) -> list[bytes]:
    """Build the messages of these events."""
    return [message(index) for index in indexes]


def burst(count: int, at: float = 0.0, first: int = 0) -> Arrival:
    """Let messages of distinct events arrive together."""
    return Arrival(at, messages(range(first, first + count)))


def trickle(count: int, every: float) -> Script:
    """Let messages arrive one at a time, on one connection."""
    return Script([burst(1, at=index * every, first=index) for index in range(count)])


def hanging() -> FakeSink:
    """Make a sink that never answers."""
    return FakeSink(seconds=lambda _call: FOR_EVER)


def down(answer: Answer = TRY_AGAIN) -> FakeSink:
    """Make a sink that refuses everything."""
    return FakeSink(lambda _delivery, _attempt: answer)


# --- Why it ends ---


def test_idle() -> None:
    """A stream that has nothing more ends the drain, so long after the last commit."""
    bench = DrainBench(FakeEventSource(Script([burst(25)])))

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert (report.received, report.committed, report.acked) == (25, 25, 25)
    assert not report.left.total()
    assert bench.took == pytest.approx(LINGER + bench.ack_seconds + IDLE, abs=TURNS)


def test_idle_on_an_empty_stream() -> None:
    """A stream with nothing at all ends the drain after the idle time from its opening."""
    bench = DrainBench(FakeEventSource(Script(opening_seconds=3.0)))

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert (report.received, report.batches) == (0, 0)
    assert bench.took == pytest.approx(3.0 + IDLE, abs=TURNS)


def test_a_slow_stream_is_not_idle() -> None:
    """Deliveries that come more often than the idle time keep the drain going to its window."""
    bench = DrainBench(FakeEventSource(trickle(100, every=IDLE - 0.1)))

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW
    assert READ_UNTIL <= bench.took < READ_UNTIL + 1


def test_not_idle_while_a_commit_is_under_way() -> None:
    """A commit that takes longer than the idle time doesn't make the stream idle."""
    bench = DrainBench(
        FakeEventSource(Script([burst(1), burst(1, at=20.0, first=1)])),
        archive=FakeSink(seconds=lambda call: 0.0 if call else 18.0),
    )

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert report.acked == 2


@pytest.mark.parametrize("limit", [1, 9, 10, 11, 20, 21, 35])
def test_limit(limit: int) -> None:
    """So many events are committed, and not one more; the others are left unwritten."""
    bench = DrainBench(FakeEventSource(Script([burst(40)])), limit=limit)

    report = bench.drain()

    assert report.end_reason is EndReason.LIMIT
    assert report.committed == report.acked == limit
    assert len(bench.archive.held) == len(bench.outbox.held) == limit
    assert report.left == {LeftReason.NOT_TAKEN: report.received - limit}
    assert bench.took < LINGER, "the last batch doesn't wait for others"


def test_limit_in_a_trickle() -> None:
    """The event that reaches the limit is committed at once."""
    bench = DrainBench(FakeEventSource(trickle(10, every=1.0)), limit=5)

    report = bench.drain()

    assert report.end_reason is EndReason.LIMIT
    assert report.committed == 5
    assert bench.took == pytest.approx(4.0 + bench.ack_seconds, abs=TURNS)


def test_limit_makes_up_for_what_was_left() -> None:
    """Events that were refused don't count: others take their place, up to the limit."""
    bench = DrainBench(
        FakeEventSource(Script([burst(40)])),
        outbox=FakeSink(
            lambda delivery, _attempt: LEAVE_EVENT if delivery.ack_info < "ack-2-" else None
        ),
        limit=10,
    )

    report = bench.drain()

    assert report.end_reason is EndReason.LIMIT
    assert report.committed == 10
    assert report.left[LeftReason.OUTBOX] > 0


def test_limit_counts_what_is_written() -> None:
    """What both sinks have counts, also where the server did not confirm its ack."""
    bench = DrainBench(
        FakeEventSource(Script([burst(40)])),
        acks=lambda _delivery, _attempt, _token: LEAVE_EVENT,
        limit=10,
    )

    report = bench.drain()

    assert report.end_reason is EndReason.LIMIT
    assert (report.committed, report.acked) == (10, 0)
    assert len(bench.archive.held) == 10


def test_window() -> None:
    """The end of the window ends a stream that never pauses; all that was taken is committed."""
    bench = DrainBench(FakeEventSource(trickle(10_000, every=0.02)))

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW
    assert report.received == pytest.approx(READ_UNTIL / 0.02, abs=5)
    assert report.left.total() == report.left[LeftReason.NOT_TAKEN] <= bench.inbox_size
    assert bench.took == pytest.approx(READ_UNTIL + bench.ack_seconds, abs=TURNS)


def test_nothing_is_taken_after_the_window() -> None:
    """What arrives while the last commit is under way is left unwritten."""
    bench = DrainBench(
        FakeEventSource(trickle(10_000, every=0.1)),
        archive=FakeSink(seconds=lambda _call: 5.0),
    )

    report = bench.drain()

    assert max(bench.reader.read_at) < READ_UNTIL
    assert report.left[LeftReason.NOT_TAKEN] > 0
    assert report.acked == len(bench.archive.held)


def test_window_that_is_over_at_once() -> None:
    """With no time to read the drain ends by itself, with nothing done."""
    bench = DrainBench(FakeEventSource(Script([burst(40)])), read_until=0.0, commit_until=0.0)

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW
    assert report.committed == 0


# --- Order of the end ---


def test_acks_come_before_the_stream_is_left() -> None:
    """What was taken is acked while the stream is open; only then the call is cancelled."""
    acked_at: list[float] = []

    def ack(_delivery: Delivery, _attempt: int, _token: str | None) -> Answer:
        acked_at.append(now())
        return None

    bench = DrainBench(
        FakeEventSource(trickle(10_000, every=0.1)),
        archive=FakeSink(seconds=lambda _call: 5.0),
        acks=ack,
    )

    bench.drain()

    assert READ_UNTIL < max(acked_at) < bench.source.left_at[0]


# --- Batches and commits ---


def test_batches_of_a_fast_stream() -> None:
    """A burst is committed in halves of what may be in flight, several at a time, in order."""
    bench = DrainBench(
        FakeEventSource(Script([burst(45)])), archive=FakeSink(seconds=lambda _call: 1.0)
    )

    report = bench.drain()

    assert [len(call) for call in bench.archive.calls] == [10, 10, 10, 10, 5]
    assert bench.archive.most_under_way == 2
    assert report.batches == 5
    assert bench.reader.taken == 45


def test_batches_of_a_slow_stream() -> None:
    """Deliveries that come within the linger share a batch, later ones don't wait for it."""
    source = FakeEventSource(
        Script([burst(1), burst(1, at=0.2, first=1), burst(1, at=0.3, first=2)])
    )
    bench = DrainBench(source)

    bench.drain()

    assert [len(call) for call in bench.archive.calls] == [2, 1]


def test_one_in_flight() -> None:
    """With one event in flight each is committed by itself, at once."""
    bench = DrainBench(FakeEventSource(Script([burst(5)])), max_in_flight=1, inbox_size=1)

    report = bench.drain()

    assert report.acked == report.batches == 5
    assert bench.archive.most_under_way == 1
    assert bench.took < IDLE + LINGER + 5 * bench.ack_seconds


def test_reading_goes_on_during_a_commit() -> None:
    """While a batch is being committed, the next is read."""
    bench = DrainBench(
        FakeEventSource(Script([burst(10), burst(10, at=1.0, first=10)])),
        archive=FakeSink(seconds=lambda _call: 3.0),
    )

    bench.drain()

    assert max(bench.reader.read_at) == pytest.approx(1.0, abs=TURNS)
    assert bench.archive.most_under_way == 2


def test_sink_that_is_down_stops_the_reading() -> None:
    """No more is held than may be in flight, and what waits unread is bounded."""
    bench = DrainBench(FakeEventSource(Script([burst(1000)]), most_at_once=7), archive=hanging())

    report = bench.drain()

    assert bench.reader.taken == bench.max_in_flight
    assert report.received <= bench.max_in_flight + bench.inbox_size + 6
    assert report.left[LeftReason.ARCHIVE] == bench.max_in_flight
    assert report.refusals == {"archive:OutOfTime": bench.max_in_flight}
    assert report.end_reason is EndReason.WINDOW
    assert bench.took == pytest.approx(COMMIT_UNTIL, abs=TURNS)


def test_sink_that_comes_back() -> None:
    """An outage within the window delays, and loses nothing."""
    bench = DrainBench(
        FakeEventSource(Script([burst(100)])),
        outbox=FakeSink(lambda _delivery, _attempt: TRY_AGAIN if now() < 20 else None),
    )

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert report.acked == 100
    assert not report.left.total()


def test_memory_is_flat() -> None:
    """However much arrives, what waits unread stays within the inbox and one burst."""
    most = []
    for count in (1_000, 5_000):
        bench = DrainBench(
            FakeEventSource(Script([burst(count)]), most_at_once=5),
            archive=FakeSink(seconds=lambda _call: 0.01),
        )
        report = bench.drain()
        assert report.acked == count
        most.append(bench.most_waiting)

    assert most[1] <= bench.inbox_size + 4


def test_duplicates_are_all_acked() -> None:
    """Deliveries of one event, in one batch or in several, are all acked."""
    source = FakeEventSource(
        Script(
            [
                Arrival(0.0, [message(1), message(1, delivery=1, redelivered=True)]),
                Arrival(2.0, [message(1, delivery=2, redelivered=True)]),
            ]
        )
    )
    bench = DrainBench(source)

    report = bench.drain()

    assert bench.acker.acked == ["ack-1-0", "ack-1-1", "ack-1-2"]
    assert (report.acked, report.redelivered, report.batches) == (3, 2, 2)
    assert len(bench.archive.held) == 1


# --- Deliveries that can't be read ---


def test_unreadable_deliveries_are_left(caplog: pytest.LogCaptureFixture) -> None:
    """An unreadable delivery is counted and logged without content; the stream goes on."""
    caplog.set_level(logging.DEBUG)
    bench = DrainBench(
        FakeEventSource(
            Script([Arrival(0.0, [message(0), unreadable_message(1), b"", message(2)])])
        )
    )

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert report.acked == 2
    assert report.left == {LeftReason.UNREADABLE: 2}
    assert report.unreadable == 2
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert r"\xff" not in caplog.text


def test_unreadable_deliveries_do_not_count_against_the_limit() -> None:
    """Only what is committed counts, however much else there is."""
    unreadable = [unreadable_message(index) for index in range(30)]
    bench = DrainBench(
        FakeEventSource(Script([Arrival(0.0, [*unreadable, *messages(range(8))])])), limit=5
    )

    report = bench.drain()

    assert report.end_reason is EndReason.LIMIT
    assert report.left[LeftReason.UNREADABLE] == 30


# --- The stream breaks ---


def test_stream_is_opened_again() -> None:
    """A stream that the server closes is opened again after about a second, and goes on."""
    source = FakeEventSource(
        Script([burst(3)], ends_at=1.0), Script([burst(3, first=3)], ends_at=1.0), Script()
    )
    bench = DrainBench(source)

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert (report.acked, report.connections) == (6, 3)
    for left, connected in zip(source.left_at, source.connected_at[1:], strict=False):
        assert 0.5 <= connected - left <= 1.5 + TURNS


def test_waits_between_openings_grow() -> None:
    """A server that is away is asked less and less often, up to every half minute or so."""
    source = FakeEventSource(*[Script(refused_with=StreamEnded("away"))] * 100)
    bench = DrainBench(source, read_until=600.0, commit_until=615.0)

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW, "a stream that is away is not idle"
    waits = [later - earlier for earlier, later in pairwise(source.connected_at)]
    for wait, middle in zip(waits, (1, 2, 4, 8, 16, 30, 30, 30), strict=False):
        assert middle / 2 <= wait <= middle * 1.5 + TURNS
    assert 13 <= report.connections <= 60


def test_waits_start_over_after_a_success() -> None:
    """After a delivery the next break is a new one: the wait is about a second again."""
    source = FakeEventSource(
        *[Script(refused_with=StreamEnded("away"))] * 4,
        Script([burst(1)], ends_at=1.0),
        Script(),
    )
    bench = DrainBench(source)

    bench.drain()

    assert source.connected_at[5] - source.left_at[4] <= 1.5 + TURNS


def test_opening_alone_is_no_success() -> None:
    """A server that takes streams and breaks them at once is not asked every second."""
    source = FakeEventSource(*[Script(ends_at=0.0)] * 100)
    bench = DrainBench(source, read_until=600.0, commit_until=615.0)

    report = bench.drain()

    assert report.connections <= 60


def test_what_came_before_a_break_is_committed() -> None:
    """What was received is committed and acked although its stream has ended."""
    bench = DrainBench(
        FakeEventSource(Script([burst(30)], ends_at=0.0)),
        archive=FakeSink(seconds=lambda _call: 2.0),
    )

    report = bench.drain()

    assert report.acked == 30


def test_window_ends_a_broken_stream() -> None:
    """The window ends although the stream is closed, without waiting for it to open."""
    source = FakeEventSource(*[Script(refused_with=StreamEnded("away"))] * 100)
    bench = DrainBench(source)

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW
    assert bench.took == pytest.approx(READ_UNTIL, abs=TURNS)


@pytest.mark.parametrize("error", [StreamEnded("away"), REJECTED], ids=["ended", "rejected"])
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="taking from the inbox starts the count of quiet although the stream is closed",
)
def test_closed_stream_is_not_idle(error: StreamError) -> None:
    """A stream that breaks right after a burst is opened again: its quiet means nothing."""
    source = FakeEventSource(
        Script([burst(3)], ends_at=0.0, error=error), Script([burst(3, first=3)])
    )
    bench = DrainBench(source, idle=0.1)  # less than any wait before an opening

    report = bench.drain()

    assert report.acked == 6


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="taking from the inbox starts the count of quiet although the stream is closed",
)
def test_stream_that_breaks_while_a_sink_is_slow_is_not_idle() -> None:
    """What waited for room while its stream broke doesn't make the closed stream idle."""
    source = FakeEventSource(
        Script([burst(39)], ends_at=1.0), *[Script(refused_with=StreamEnded("away"))] * 100
    )
    bench = DrainBench(
        source,
        archive=FakeSink(seconds=lambda call: 200.0 if call < 2 else 0.0),
        idle=1.0,
        read_until=600.0,
        commit_until=615.0,
    )

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW


def test_server_that_is_never_reached() -> None:
    """A server that neither takes nor refuses the stream is waited for until the window ends."""
    bench = DrainBench(FakeEventSource(Script(opening_seconds=FOR_EVER)))

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW
    assert bench.took == pytest.approx(READ_UNTIL, abs=TURNS)


def test_refused_stream_ends_the_drain() -> None:
    """A stream that the server refuses ends the drain as failed, with the reason."""
    bench = DrainBench(FakeEventSource(Script(refused_with=REFUSED)))

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.error == str(REFUSED)
    assert report.connections == 1
    assert bench.took < TURNS


def test_refused_stream_after_some_events() -> None:
    """What was taken before the refusal is committed, also what waits for its linger."""
    bench = DrainBench(FakeEventSource(Script([burst(13)], ends_at=0.1, error=REFUSED)))

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.acked == 13


def test_refused_stream_after_a_break() -> None:
    """A refusal when the stream is opened again ends the drain all the same."""
    source = FakeEventSource(Script([burst(3)], ends_at=1.0), Script(refused_with=REFUSED))
    bench = DrainBench(source)

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.acked == 3


# --- The token is not accepted ---


def test_rejected_token_is_renewed() -> None:
    """A rejected token is replaced, and tried after some ten seconds."""
    source = FakeEventSource(Script(refused_with=REJECTED), Script([burst(3)]))
    bench = DrainBench(source)

    report = bench.drain()

    assert report.acked == 3
    assert source.tokens == ["token-1", "token-2"]
    assert bench.authorization.rejections == ["token-1"]
    assert 5.0 <= source.connected_at[1] - source.left_at[0] <= 15.0 + TURNS


def test_renewed_token_stays() -> None:
    """After a renewal the stream breaks and opens like any other, with the new token."""
    source = FakeEventSource(
        Script(refused_with=REJECTED), Script([burst(3)], ends_at=1.0), Script([burst(3, first=3)])
    )
    bench = DrainBench(source)

    report = bench.drain()

    assert report.acked == 6
    assert source.tokens == ["token-1", "token-2", "token-2"]


def test_second_rejection_ends_the_drain() -> None:
    """When the new token is rejected as well, the drain fails and says what to do."""
    source = FakeEventSource(*[Script(refused_with=REJECTED)] * 5)
    bench = DrainBench(source)

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.error == NOT_ACCEPTED
    assert source.tokens == ["token-1", "token-2"]
    assert bench.authorization.renewals == 1


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        pytest.param(FakeAuthorization(renewed=None), NOT_ACCEPTED, id="no other"),
        pytest.param(FakeAuthorization(error=TokenUnavailable("away")), "away", id="none given"),
        pytest.param(FakeAuthorization(current=None, renewed=None), NOT_ACCEPTED, id="without"),
    ],
)
def test_token_that_can_not_be_renewed(authorization: FakeAuthorization, error: str) -> None:
    """A rejected token that has no other ends the drain as failed."""
    source = FakeEventSource(*[Script(refused_with=REJECTED)] * 5)
    bench = DrainBench(source, authorization=authorization)

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.error == error
    assert report.connections == 1


def test_slow_renewal_does_not_outlast_the_window() -> None:
    """A token endpoint that is slow holds no drain beyond its window."""
    bench = DrainBench(
        FakeEventSource(Script(refused_with=REJECTED)), seconds_in_thread=10 * COMMIT_UNTIL
    )

    report = bench.drain()

    assert report.end_reason is EndReason.WINDOW
    assert bench.took == pytest.approx(READ_UNTIL, abs=TURNS)


def test_no_token_to_begin_with() -> None:
    """Where there is no token the drain fails before a stream is opened."""

    class NoToken(FakeAuthorization):
        def token(self) -> str | None:
            raise TokenUnavailable("away")

    bench = DrainBench(FakeEventSource(), authorization=NoToken())

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert (report.error, report.connections) == ("away", 0)


def test_token_that_expires_during_a_stream() -> None:
    """What came before the rejection is committed, with the new token if need be."""
    source = FakeEventSource(
        Script([burst(13)], ends_at=0.1, error=REJECTED), Script([burst(3, first=13)])
    )
    bench = DrainBench(
        source,
        acks=lambda _delivery, _attempt, token: None if token == "token-2" else RENEW_TOKEN,  # noqa: S105
        seconds_in_thread=0.5,
    )

    report = bench.drain()

    assert report.end_reason is EndReason.IDLE
    assert report.acked == 16
    assert bench.authorization.renewals == 1


# --- A commit ends the run ---


@pytest.mark.parametrize("sink", ["archive", "outbox"])
def test_sink_that_ends_the_run(sink: str) -> None:
    """A sink that refuses for good ends the drain as failed; nothing more is read."""
    bench = DrainBench(FakeEventSource(Script([burst(100)])), **{sink: down(END_RUN)})  # type: ignore[arg-type] # by name

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.error == END_RUN.message
    assert report.committed == 0
    assert bench.reader.taken <= bench.max_in_flight
    assert bench.took < 1


def test_ack_that_ends_the_run() -> None:
    """A server that refuses acks for good ends the drain as failed; what was written counts."""
    bench = DrainBench(
        FakeEventSource(Script([burst(100)])), acks=lambda _delivery, _attempt, _token: END_RUN
    )

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert report.committed == report.left[LeftReason.ACK] > 0


def test_failure_in_the_last_commit() -> None:
    """A failure that only the last commit meets makes the run failed, though the window ended it."""
    bench = DrainBench(
        FakeEventSource(Script([burst(3)])),
        archive=FakeSink(
            lambda _delivery, _attempt: END_RUN, seconds=lambda _call: READ_UNTIL + 5.0
        ),
    )

    report = bench.drain()

    assert report.end_reason is EndReason.FAILED
    assert bench.took > READ_UNTIL


def test_first_error_is_told() -> None:
    """Of several errors the report holds the one that came first."""
    bench = DrainBench(
        FakeEventSource(Script([burst(3)], ends_at=0.1, error=REFUSED)), archive=down(END_RUN)
    )

    report = bench.drain()

    assert report.error == str(REFUSED)


# --- Bugs ---


def test_bug_in_the_source_is_raised() -> None:
    """What is no error of ours is raised, after what was taken was committed and acked."""
    bug: Any = ZeroDivisionError("made up")
    bench = DrainBench(FakeEventSource(Script([burst(3)], ends_at=0.1, error=bug)))

    with pytest.raises(ZeroDivisionError):
        bench.drain()

    assert len(bench.acker.acked) == 3
    assert len(bench.source.left_at) == 1


def test_bug_in_a_sink_is_raised() -> None:
    """A sink that raises against its contract ends the run, and the stream is let go."""

    class Buggy(FakeSink):
        async def write(self, deliveries: object) -> dict[str, object]:  # type: ignore[override] # a bug
            await asyncio.sleep(0)
            raise ZeroDivisionError(deliveries)

    bench = DrainBench(FakeEventSource(Script([burst(3)])), archive=Buggy())

    with pytest.raises(ZeroDivisionError):
        bench.drain()

    assert bench.acker.acked == []
    assert len(bench.source.left_at) == 1
