from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.drain import Subscription
from eventdrain.errors import StreamEnded, TokenUnavailable, Unauthenticated, rejected_token
from tests.deliveries import message
from tests.fakes import FOR_EVER, FakeAuthorization, FakeConnection, FakeEventSource, Script
from tests.unit.drain_bench import REFUSED, REJECTED, TURNS, burst
from tests.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.errors import DrainError

BY_GATEWAY: Final = Unauthenticated("a gateway answered HTTP 401", hint="ask it")


@dataclass
class Bench:
    """A subscription with fakes.

    Attributes:
        noted: The notifications of the pace, with their times.
        answers: How long the answers to probes took.
        result: The error of the subscription; None if it ran until it was cancelled.
    """

    source: FakeEventSource
    authorization: FakeAuthorization = field(default_factory=FakeAuthorization)
    noted: list[tuple[str, float]] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    result: DrainError | None = None

    def __post_init__(self) -> None:
        self.changes = 0

    def subscribe(
        self, seconds: float, *, meanwhile: Callable[[Subscription], object] = lambda _: None
    ) -> Subscription:
        """Subscribe for some time, and call a function halfway."""

        async def subscribe() -> Subscription:
            subscription = Subscription(
                source=self.source,
                authorization=self.authorization,
                pace=self,  # type: ignore[arg-type] # it records
                on_change=self._count_change,
                clock=now,
            )
            running = asyncio.create_task(subscription.run())
            await asyncio.sleep(seconds / 2)
            meanwhile(subscription)
            await asyncio.wait([running], timeout=seconds / 2)
            if not running.done():
                running.cancel()
                await asyncio.wait([running])
            else:
                self.result = running.result()
            return subscription

        return run(subscribe())

    def _count_change(self) -> None:
        self.changes += 1

    def proven(self, opened_at: float) -> None:
        """See ``Pace``."""
        self.noted.append(("proven", opened_at))

    def answered(self, seconds: float) -> None:
        """See ``Pace``."""
        self.answers.append(seconds)

    def closed(self, now: float) -> None:
        """See ``Pace``."""
        self.noted.append(("closed", now))

    def unproven(self) -> None:
        """See ``Pace``."""
        self.noted.append(("unproven", now()))


def words(noted: list[tuple[str, float]]) -> list[str]:
    """Return the notifications without times."""
    return [word for word, _ in noted]


def test_messages_are_taken_oldest_first() -> None:
    """Arrivals are announced, and taken in order, up to the limit."""
    bench = Bench(FakeEventSource(Script([burst(2), burst(1, at=1.0, first=2)])))
    subscription = bench.subscribe(10.0)
    assert (subscription.unread, subscription.connections) == (3, 1)
    assert bench.changes >= 2
    taken = [*subscription.take(2), *subscription.take(5), *subscription.take(5)]
    assert [each for each, _ in taken] == [message(index) for index in range(3)]


def test_stream_is_proven_by_a_probe() -> None:
    """A quiet stream is proven, from its opening on, once the API answers a probe."""
    bench = Bench(FakeEventSource(Script(opening_seconds=3.0)))
    bench.subscribe(10.0)
    assert words(bench.noted) == ["proven", "closed"]
    assert [at for _, at in bench.noted] == pytest.approx([3.0, 10.0], abs=TURNS)
    assert bench.source.left_at == pytest.approx([10.0], abs=TURNS)


def test_stream_is_proven_by_an_event() -> None:
    """An arrival proves a stream like a probe; a break is noted before the wait."""
    bench = Bench(FakeEventSource(Script([burst(1)], ends_at=2.0), Script()))
    bench.subscribe(20.0, meanwhile=lambda subscription: subscription.take(1))
    assert words(bench.noted) == ["proven", "closed", "proven", "closed"]
    assert bench.noted[1][1] == pytest.approx(2.0, abs=TURNS)
    assert bench.noted[2][1] >= 10.0, "the next stream is opened only after the event is taken"


def test_probes_go_on_until_the_api_answers() -> None:
    """An open stream alone is no proof; a late answer proves it from its opening on."""
    bench = Bench(FakeEventSource(Script(proven_at=7.0)))
    bench.subscribe(20.0)
    assert words(bench.noted) == ["proven", "closed"]
    (answer,) = bench.answers
    assert answer >= 7.0 - 0.25, "from the first probe on"
    assert bench.noted[0][1] == pytest.approx(0.0, abs=TURNS)


def test_attempt_without_an_answer_is_noted() -> None:
    """A stream that opens and ends without an answer, and one that does not open, are unproven."""
    away = StreamEnded("away")
    bench = Bench(
        FakeEventSource(Script(ends_at=2.0, proven_at=FOR_EVER), Script(refused_with=away))
    )
    bench.subscribe(6.0)
    assert words(bench.noted)[:2] == ["unproven", "unproven"]


def test_bug_in_a_probe_is_raised() -> None:
    """An unexpected error of a probe ends the subscription with that error."""

    class Broken(FakeConnection):
        async def probe(self) -> None:
            raise KeyError("bug")

    bench = Bench(FakeEventSource(Script(ends_at=2.0), connection_class=Broken))
    with pytest.raises(KeyError, match="bug"):
        bench.subscribe(10.0)


@pytest.mark.parametrize(
    ("script", "authorization", "reason"),
    [
        pytest.param({"refused_with": REFUSED}, {}, str(REFUSED), id="refused"),
        pytest.param({"ends_at": 0.1, "error": REFUSED}, {}, str(REFUSED), id="refused later"),
        pytest.param(
            {"refused_with": REJECTED}, {"renewed": None}, str(rejected_token()), id="rejected"
        ),
        pytest.param(
            {"refused_with": BY_GATEWAY}, {"renewed": None}, str(BY_GATEWAY), id="by a gateway"
        ),
        pytest.param(
            {"refused_with": REJECTED}, {"error": TokenUnavailable("away")}, "away", id="no token"
        ),
    ],
)
def test_ends_where_it_is_refused(
    script: dict[str, Any], authorization: dict[str, Any], reason: str
) -> None:
    """An error that opening the stream again would not fix ends the subscription."""
    bench = Bench(
        FakeEventSource(*[Script(**script)] * 2), authorization=FakeAuthorization(**authorization)
    )
    subscription = bench.subscribe(60.0)
    assert str(bench.result) == reason
    assert subscription.connections == 1
    assert words(bench.noted) == ["unproven"]


def test_no_stream_is_opened_while_messages_are_left() -> None:
    """After a break, the next stream is opened only when all arrivals are taken."""
    bench = Bench(FakeEventSource(Script([burst(3)], ends_at=1.0), Script()))

    def take(subscription: Subscription) -> None:
        assert subscription.connections == 1
        subscription.take(2)
        assert len(subscription.take(2)) == 1

    assert bench.subscribe(60.0, meanwhile=take).connections == 2
    assert bench.source.connected_at[1] >= 30.0


def test_taken_message_is_proof_before_its_arrival_is_announced() -> None:
    """A taken message proves the stream at once; a later break is noted after that."""
    bench = Bench(FakeEventSource(Script([burst(1)], ends_at=0.0), Script(opening_seconds=100.0)))
    bench.subscribe(10.0)
    assert words(bench.noted) == ["proven", "closed"]


def test_stream_is_not_opened_again_once_stopped() -> None:
    """A stream that breaks during the last commits stays closed."""
    bench = Bench(FakeEventSource(Script(ends_at=60.0), Script()))
    bench.subscribe(100.0, meanwhile=Subscription.stop)
    assert words(bench.noted) == ["proven", "closed"]
    assert len(bench.source.connected_at) == 1


def test_open_stream_stays_open_once_stopped() -> None:
    """The stream stays open for the last acks, and its messages can still be taken."""
    bench = Bench(FakeEventSource(Script([burst(1), burst(1, at=8.0, first=1)])))
    subscription = bench.subscribe(10.0, meanwhile=Subscription.stop)
    assert bench.source.left_at == pytest.approx([10.0], abs=TURNS)
    assert subscription.unread == 2
