from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.drain import Inbox, Report, Subscription
from eventdrain.errors import StreamEnded, TokenUnavailable, Unauthenticated, not_accepted
from tests.deliveries import message
from tests.fakes import FOR_EVER, FakeAuthorization, FakeConnection, FakeEventSource, Script
from tests.unit.drain_bench import REFUSED, REJECTED, TURNS, burst
from tests.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable

BY_GATEWAY: Final = Unauthenticated("a gateway answered HTTP 401", hint="ask it")


@dataclass
class Bench:
    """A reading between fakes.

    Attributes:
        told: What the pace was told of streams, and when.
        result: What the reading ended with; None if it went on until it was cancelled.
    """

    source: FakeEventSource
    inbox_size: int = 100
    authorization: FakeAuthorization = field(default_factory=FakeAuthorization)
    told: list[tuple[str, float]] = field(default_factory=list)
    result: str | None = None

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.inbox_size, on_arrival=lambda: None)
        self.report = Report("handset_change")

    def read(self, seconds: float, *, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Read for so long; halfway something happens."""

        async def read() -> None:
            reading = asyncio.create_task(
                Subscription(
                    source=self.source,
                    authorization=self.authorization,
                    inbox=self.inbox,
                    report=self.report,
                    pace=self,  # type: ignore[arg-type] # it records
                    on_proven=lambda: None,
                    clock=now,
                ).run()
            )
            await asyncio.sleep(seconds / 2)
            meanwhile()
            await asyncio.wait([reading], timeout=seconds / 2)
            if not reading.done():
                reading.cancel()
                await asyncio.wait([reading])
                return
            self.result = reading.result()

        run(read())

    def proven(self, opened_at: float) -> None:
        """See ``Pace``."""
        self.told.append(("proven", opened_at))

    def closed(self, now: float) -> None:
        """See ``Pace``."""
        self.told.append(("closed", now))

    def unproven(self) -> None:
        """See ``Pace``."""
        self.told.append(("unproven", now()))


def words(told: list[tuple[str, float]]) -> list[str]:
    """Give what was told, without the times."""
    return [word for word, _ in told]


def test_fills_the_inbox_and_counts() -> None:
    """What arrives is put into the inbox in its order, and counted with its size."""
    bench = Bench(FakeEventSource(Script([burst(2), burst(1, at=1.0, first=2)])))

    bench.read(10.0)

    expected = [message(index) for index in range(3)]
    assert [bench.inbox.take()[0] for _ in range(3)] == expected
    assert bench.report.connections == 1
    assert bench.report.bytes_received == sum(map(len, expected))


def test_stream_is_proven_by_a_probe() -> None:
    """A quiet stream is proven once the API answers a probe, since it was opened."""
    bench = Bench(FakeEventSource(Script(opening_seconds=3.0)))

    bench.read(10.0)

    assert words(bench.told) == ["proven", "closed"]
    assert [at for _, at in bench.told] == pytest.approx([3.0, 10.0], abs=TURNS)
    assert bench.source.left_at == pytest.approx([10.0], abs=TURNS)


def test_stream_is_proven_by_an_event() -> None:
    """What arrives proves as much as a probe; that the stream broke is noted before the wait."""
    bench = Bench(FakeEventSource(Script([burst(1)], ends_at=2.0), Script()))

    bench.read(20.0)

    assert words(bench.told) == ["proven", "closed", "proven", "closed"]
    assert bench.told[1][1] == pytest.approx(2.0, abs=TURNS)
    assert bench.told[2][1] >= 2.5


def test_probes_go_on_until_the_api_answers() -> None:
    """An open stream is no proof; an API that answers late proves it since it was opened."""
    bench = Bench(FakeEventSource(Script(proven_at=7.0)))

    bench.read(20.0)

    assert words(bench.told) == ["proven", "closed"]
    assert bench.told[0][1] == pytest.approx(0.0, abs=TURNS)


def test_attempt_without_an_answer_is_noted() -> None:
    """A stream that opens and ends without an answer, and one that does not open, are unproven."""
    away = StreamEnded("away")
    bench = Bench(
        FakeEventSource(Script(ends_at=2.0, proven_at=FOR_EVER), Script(refused_with=away))
    )

    bench.read(6.0)

    assert words(bench.told)[:2] == ["unproven", "unproven"]


def test_bug_in_a_probe_is_raised() -> None:
    """What a probe raises that is no error of a stream's ends the reading with that."""

    class Broken(FakeConnection):
        async def probe(self) -> None:
            raise KeyError("bug")

    bench = Bench(FakeEventSource(Script(ends_at=2.0), connection_class=Broken))

    with pytest.raises(KeyError, match="bug"):
        bench.read(10.0)


@pytest.mark.parametrize(
    ("script", "authorization", "reason"),
    [
        pytest.param({"refused_with": REFUSED}, {}, str(REFUSED), id="refused"),
        pytest.param({"ends_at": 0.1, "error": REFUSED}, {}, str(REFUSED), id="refused later"),
        pytest.param(
            {"refused_with": REJECTED}, {"renewed": None}, str(not_accepted()), id="rejected"
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
    """What opening the stream again would not help ends the reading, with the reason."""
    bench = Bench(
        FakeEventSource(*[Script(**script)] * 2), authorization=FakeAuthorization(**authorization)
    )

    bench.read(60.0)

    assert bench.result == reason
    assert bench.report.connections == 1
    assert words(bench.told) == ["unproven"]


def test_full_inbox_is_waited_with() -> None:
    """While the inbox is full nothing is received, so that the server keeps what it has."""
    bench = Bench(FakeEventSource(Script([burst(10)]), most_at_once=1), inbox_size=3)

    bench.read(10.0, meanwhile=bench.inbox.take)

    assert bench.source.handed_over == 4
    assert len(bench.inbox) == 3


def test_stream_is_not_opened_again_once_the_inbox_is_closed() -> None:
    """A stream that breaks while the last commits are under way stays closed."""
    bench = Bench(FakeEventSource(Script(ends_at=60.0), Script()))

    bench.read(100.0, meanwhile=bench.inbox.close)

    assert words(bench.told) == ["proven", "closed"]
    assert len(bench.source.connected_at) == 1


def test_closed_inbox_ends_the_receiving() -> None:
    """Once the inbox is closed nothing more is received, and the stream stays open for acks."""
    bench = Bench(FakeEventSource(Script([burst(1), burst(1, at=8.0, first=1)]), most_at_once=1))

    bench.read(10.0, meanwhile=bench.inbox.close)

    # Who was waiting for a message at that moment still gets it.
    assert bench.source.left_at == pytest.approx([10.0], abs=TURNS)
    assert bench.source.handed_over == len(bench.inbox) == 2
