"""Drains with any schedule of arrivals, breaks, rejections, answers, limits; see ``DrainBench``."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, count
from typing import TYPE_CHECKING, Final

from hypothesis import event, given, settings
from hypothesis import strategies as st

from eventdrain.drain import EndReason
from eventdrain.errors import StreamEnded, StreamRefused, Unauthenticated
from tests.deliveries import message, poison_message, unreadable_message
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
from tests.unit.drain_bench import DrainBench
from tests.virtual_time import now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventdrain.errors import StreamError
    from eventdrain.events import Delivery
    from tests.fakes import Answer

EXAMPLES: Final = 5 * settings.default.max_examples  # type: ignore[union-attr] # there is one
"""More examples than by default, as this test finds most bugs."""

_BAD_ENDS: Final = (
    StreamEnded("made up"),
    StreamEnded("made up"),
    Unauthenticated("made up"),
    StreamRefused("made up"),
)
_passing_ends: Final[st.SearchStrategy[StreamError]] = st.just(StreamEnded("made up"))
_any_end: Final = st.sampled_from(_BAD_ENDS)
_pauses: Final = st.sampled_from([0.0, 0.0, 0.05, 0.25, 1.0, 4.0, 6.0])


class Numbers:
    """Numbers the messages of a schedule: most are new events, some redeliveries."""

    def __init__(self) -> None:
        self._next: Iterator[int] = count()
        self._deliveries: Counter[int] = Counter()
        self._poison: set[int] = set()

    def message(self, kind: str) -> bytes:
        """Build a message of a kind."""
        if kind == "unreadable":
            return unreadable_message(next(self._next))
        is_again = kind == "again" and self._deliveries
        index = max(self._deliveries) if is_again else next(self._next)
        delivery = self._deliveries[index]
        self._deliveries[index] += 1
        if kind == "no handle":
            return message(index, ack_info="")
        if kind == "poison":
            self._poison.add(index)
        build = poison_message if index in self._poison else message
        return build(index, delivery=delivery, redelivered=delivery > 0)


@st.composite
def scripts(
    draw: st.DrawFn, ends: st.SearchStrategy[StreamError], kinds: Sequence[str]
) -> list[Script]:
    """Draw scripts for some connections."""
    numbers = Numbers()
    drawn = []
    for _ in range(draw(st.integers(0, 4), label="connections")):
        sizes = draw(st.lists(st.integers(1, 40), max_size=4))
        pauses = accumulate(draw(_pauses) for _ in sizes)
        arrivals = [
            Arrival(at, [numbers.message(draw(st.sampled_from(kinds))) for _ in range(size)])
            for at, size in zip(pauses, sizes, strict=True)
        ]
        last = arrivals[-1].at if arrivals else 0.0
        script = Script(
            arrivals,
            ends_at=last + draw(_pauses),
            error=draw(ends),
            opening_seconds=draw(st.sampled_from([0.0, 0.1, 7.0])),
        )
        if draw(st.integers(0, 4)) == 0:
            script = Script(refused_with=script.error, opening_seconds=script.opening_seconds)
        drawn.append(script)
    return drawn


def tempered(draw: st.DrawFn, answers: Sequence[Answer], seconds: Sequence[float]) -> FakeSink:
    """Draw a sink with these answers, in any order."""
    given = draw(st.lists(st.sampled_from(answers), min_size=1, max_size=12))
    takes = draw(st.lists(st.sampled_from(seconds), min_size=1, max_size=5))
    asked = count()
    return FakeSink(
        lambda _delivery, _attempt: given[next(asked) % len(given)],
        seconds=lambda call: takes[call % len(takes)],
        keeps_refused=draw(st.booleans()),
    )


@st.composite
def benches(draw: st.DrawFn) -> DrainBench:
    """Draw a drain in which anything may happen."""
    calm: list[Answer] = [None] * 6
    temper = draw(st.sampled_from(["calm", "rough", "hopeless"]), label="temper")
    answers = {
        "calm": calm,
        "rough": [*calm, TRY_AGAIN, TRY_AGAIN, LEAVE_EVENT],
        "hopeless": [*calm, TRY_AGAIN, LEAVE_EVENT, END_RUN],
    }[temper]
    seconds = {
        "calm": [0.0, 0.05],
        "rough": [0.0, 0.05, 0.5, 7.0],
        "hopeless": [0.05, 7.0, FOR_EVER],
    }[temper]
    acks = draw(st.lists(st.sampled_from([*answers, RENEW_TOKEN]), min_size=1, max_size=12))
    asked = count()
    max_in_flight = draw(st.sampled_from([1, 2, 3, 20, 50]))
    kinds = ["event"] * 6 + ["again", "poison", "unreadable", "no handle"]
    return DrainBench(
        FakeEventSource(
            *draw(scripts(_any_end, kinds)), max_unread=draw(st.sampled_from([1, 7, 100]))
        ),
        archive=tempered(draw, answers, seconds),
        queue=tempered(draw, answers, seconds),
        acks=lambda _delivery, _attempt, _token: acks[next(asked) % len(acks)],
        ack_seconds=draw(st.sampled_from([0.0, 0.03, 2.0])),
        authorization=FakeAuthorization(renewed=draw(st.sampled_from(["token-2", None]))),
        limit=draw(st.sampled_from([1, 7, 30, 10_000])),
        max_in_flight=max_in_flight,
        seconds_in_thread=draw(st.sampled_from([0.0, 0.5])),
    )


@settings(max_examples=EXAMPLES)
@given(benches())
def test_whatever_happens(bench: DrainBench) -> None:
    """The counts always reconcile, the limit holds, and nothing is acked too early."""
    report = bench.drain()
    event(f"ended by {report.end_reason.value}")
    # The token is renewed at most once, whether the stream or an ack was rejected.
    assert bench.authorization.renewals <= 1
    # Connections are opened with pauses.
    for left, connected in zip(bench.source.left_at, bench.source.connected_at[1:], strict=False):
        assert connected - left >= 0.5


@st.composite
def passing_troubles(draw: st.DrawFn) -> DrainBench:
    """Draw a drain with only temporary faults: breaks, and retryable failures."""

    def passing(until: float) -> FakeSink:
        # What a sink refuses before then it may have kept all the same.
        return FakeSink(
            lambda _delivery, attempt: TRY_AGAIN if attempt == 0 or now() < until else None,
            keeps_refused=keeps_refused,
        )

    keeps_refused = draw(st.booleans())
    max_in_flight = draw(st.sampled_from([1, 2, 20, 50]))
    ack_troubles = draw(st.integers(0, 4))

    def ack(_delivery: Delivery, attempt: int, _token: str | None) -> Answer:
        return TRY_AGAIN if attempt < ack_troubles else None

    return DrainBench(
        FakeEventSource(
            *draw(scripts(_passing_ends, ["event", "event", "event", "again", "poison"])),
            max_unread=draw(st.sampled_from([1, 7, 100])),
        ),
        archive=passing(draw(st.sampled_from([0.0, 3.0, 20.0]))),
        queue=passing(draw(st.sampled_from([0.0, 3.0, 20.0]))),
        acks=ack,
        max_in_flight=max_in_flight,
        read_until=3600.0,
        commit_until=3615.0,
        idle=60.0,  # longer than any wait before an opening
    )


@settings(max_examples=EXAMPLES)
@given(passing_troubles())
def test_troubles_that_pass_lose_nothing(bench: DrainBench) -> None:
    """With temporary breaks and outages, every event is in both sinks and acked."""
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    assert not bench.source.unreceived
    assert not report.left.total()
    assert report.acked == report.committed == report.received == bench.source.handed_over
    assert bench.archive.held.keys() == bench.queue.held.keys()
    assert sum(map(len, bench.archive.calls)) >= len(bench.archive.held)
