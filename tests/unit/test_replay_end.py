"""How a replay ends early, and how another run continues."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.errors import ConfigurationError
from eventdrain.ports import Folder
from eventdrain.replay import ReplayEnd, Selection
from tests.deliveries import delivery_of
from tests.fakes import END_RUN, LEAVE_EVENT, TRY_AGAIN, FakeSink
from tests.replay_archive import DENIED, SLOW_DOWN, FakeArchive
from tests.unit.replay_bench import (
    ALL,
    DAY,
    SLOW,
    STREAM,
    Run,
    events,
    filled,
    ids,
    of_country_change,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.errors import Failure
    from eventdrain.events import Delivery

# --- Ends and continuation ---


def test_bug_ends_in_the_report() -> None:
    """An unexpected error fails it; the report omits the text, and the checkpoint is kept."""

    class Buggy(FakeSink):
        async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
            if self.held:
                raise ZeroDivisionError(deliveries)
            return await super().write(deliveries)

    run = Run(filled(events(range(25))), Buggy(), rate=SLOW)
    report = run.run()
    assert report.end_reason is ReplayEnd.FAILED
    assert report.error is not None
    assert "unexpected ZeroDivisionError" in report.error
    assert [checkpoint.lines for checkpoint in run.checkpoints] == [10]


def test_stop_ends_after_what_is_under_way() -> None:
    """A stop lets events in flight be sent; a continuation sends the rest, and nothing twice."""
    sink = FakeSink(seconds=lambda _: 3.0)
    run = Run(filled(events(range(45))), sink, rate=SLOW, stop_at=4.0)
    report = run.run()
    assert report.end_reason is ReplayEnd.STOPPED
    assert run.sent == ids(events(range(20)))
    after = run.taken_up()
    assert after.run().end_reason is ReplayEnd.DONE
    assert after.sent == ids(events(range(20, 45)))


def test_stop_cuts_a_wait_short() -> None:
    """A stop interrupts waits for the rate and for retries."""
    down = FakeSink(lambda _delivery, _attempt: TRY_AGAIN)
    for sink, rate in ((FakeSink(), 0.1), (down, 0.0)):
        run = Run(filled(events(range(45))), sink, rate=rate, stop_at=1.0)
        assert run.run().end_reason is ReplayEnd.STOPPED
        assert run.seconds < 2
    assert run.checkpoints == []


def test_window_ends_it() -> None:
    """After the window nothing is begun, and it doesn't wait for what would be too late."""
    run = Run(filled(events(range(45))), rate=SLOW, until=2.5)
    report = run.run()
    assert report.end_reason is ReplayEnd.WINDOW
    assert run.seconds < 2.5
    assert run.sent == ids(events(range(30)))
    after = run.taken_up()
    after.run()
    assert after.sent == ids(events(range(30, 45)))


def test_window_ends_a_search_without_matches() -> None:
    """The window also ends a search without matches, which continues where it ended."""
    archive = filled(*([delivery_of(index)] for index in range(60)), seconds=1.0)
    run = Run(archive, selection=replace(ALL, event_ids=frozenset({"0" * 32})), until=2.5)
    assert run.run().end_reason is ReplayEnd.WINDOW
    assert 0 < len(run.checkpoints) < 60
    after = run.taken_up()
    report = after.run()
    assert report.end_reason is ReplayEnd.DONE
    assert report.lines == 60 - len(run.checkpoints)


def test_folders_that_are_done_are_not_looked_at_again() -> None:
    """A continuation doesn't list completed days and streams again."""
    archive = filled(events(range(20)), events(range(DAY, DAY + 20)))
    other = of_country_change(delivery_of(DAY))
    archive.put([other])
    run = Run(archive, selection=Selection(("country_change", STREAM)), rate=SLOW, stop_at=2.5)
    run.run()
    assert run.sent == ids([*events(range(20)), other, *events(range(DAY, DAY + 10))])
    archive.listed.clear()

    after = run.taken_up()
    after.run()

    assert after.sent == ids(events(range(DAY + 10, DAY + 20)))
    assert archive.listed == [Folder("2026-03-02", STREAM)]


def test_object_that_came_since_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A new object before the checkpoint doesn't hide copies that later runs are still to send."""
    archive = filled(events(range(10, 60)))
    run = Run(archive, rate=SLOW, stop_at=1.5)
    run.run()
    assert len(run.sent) == 20
    archive.put([delivery_of(0), *(delivery_of(index, delivery=1) for index in range(10, 60))])

    after = run.taken_up(stop_at=0.5)
    after.run()
    last = after.taken_up()
    last.run()

    assert after.sent == ids(events(range(30, 40)))
    assert last.sent == ids(events(range(40, 60))), "what is before the checkpoint was passed"
    assert "have changed since the replay began" in caplog.text


def test_object_of_the_checkpoint_is_gone() -> None:
    """If the checkpoint's object has expired, all remaining ones are sent."""
    archive = filled(events(range(20)), events(range(30, 40)))
    run = Run(archive, rate=SLOW, stop_at=0.5)
    run.run()
    del archive.objects_by_key[run.checkpoints[-1].key]
    after = run.taken_up()
    assert after.run().end_reason is ReplayEnd.DONE
    assert after.sent == ids(events(range(30, 40)))


@st.composite
def batches(draw: st.DrawFn) -> list[list[Delivery]]:
    """Draw batches of deliveries over three days, with copies among them."""
    places = st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 2))
    drawn = draw(st.lists(st.lists(places, min_size=1, max_size=25), min_size=1, max_size=6))
    return [
        [
            delivery_of(day * DAY + second, delivery=copy)
            for (day, second), copy in {each[:2]: each[2] for each in batch}.items()
        ]
        for batch in drawn
    ]


@given(batches(), st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=5))
def test_interrupted_anywhere(
    drawn: list[list[Delivery]], interruptions: list[tuple[int, bool]]
) -> None:
    """Interrupted runs together send all events; only a slice with a lost answer is sent twice."""
    archive = filled(*drawn)
    run = Run(archive, rate=SLOW)
    sent: list[str] = []
    copies = 0
    for calls, is_durable in interruptions:
        run.sink = _failing_after(calls, is_durable=is_durable)
        report = run.run()
        sent += run.sink.held
        if report.end_reason is ReplayEnd.DONE:
            break
        copies += SLOW * is_durable
        run = run.taken_up()
    else:
        assert run.run().end_reason is ReplayEnd.DONE
        sent += run.sent

    everything = {each.event_id for batch in drawn for each in batch}
    assert set(sent) == everything
    assert len(sent) - len(everything) <= copies
    places = [(each.key, each.lines) for each in run.checkpoints]
    assert places == sorted(places), "an object whose last slice is full has two at its end"


def _failing_after(calls: int, *, is_durable: bool) -> FakeSink:
    """Return a sink that fails after some calls, with or without storing the events."""
    sink = FakeSink(
        lambda _delivery, _attempt: END_RUN if len(sink.calls) > calls else None,
        keeps_refused=is_durable,
    )
    return sink


# --- Failures ---


def test_what_is_refused_for_now_is_sent_again() -> None:
    """Only failed events are retried, after a wait."""
    unlucky = ids(events(range(3, 5)))
    sink = FakeSink(
        lambda each, attempt: TRY_AGAIN if attempt < 3 and each.event_id in unlucky else None
    )
    run = Run(filled(events(range(30))), sink)
    assert run.run().events == 30
    assert run.sink.calls[1:] == [unlucky] * 3
    assert run.seconds > 0.2 + 0.4 + 0.8


@pytest.mark.parametrize(
    ("failure", "calls"),
    [(END_RUN, 1), (LEAVE_EVENT, 1), (TRY_AGAIN, 10)],
    ids=str,
)
def test_what_is_refused_in_the_end_ends_it(failure: Failure, calls: int) -> None:
    """A fatal failure ends it at once, a retryable one after half a minute; it can continue."""
    third = delivery_of(3).event_id
    sink = FakeSink(lambda delivery, _: failure if delivery.event_id == third else TRY_AGAIN)
    run = Run(filled(events(range(30))), sink)
    report = run.run()
    assert (report.end_reason, report.events) == (ReplayEnd.FAILED, 0)
    assert failure.message in (report.error or "")
    assert ("MaximumMessageSize" in (report.error or "")) == (failure is LEAVE_EVENT)
    assert (len(sink.calls), run.checkpoints) == (calls, [])
    after = run.taken_up()
    after.run()
    assert after.sent == ids(events(range(30)))


def test_archive_that_fails() -> None:
    """Retryable calls are retried; a denied read ends it with the cause."""
    archive = filled(events(range(3)), events(range(10, 13)))
    last = max(archive.objects_by_key)
    denying = FakeArchive(
        decide=lambda call, attempt: DENIED if call == last else SLOW_DOWN if attempt < 2 else None
    )
    denying.objects_by_key = archive.objects_by_key
    run = Run(denying)
    report = run.run()
    assert (report.end_reason, report.error) == (ReplayEnd.FAILED, DENIED.message)
    after = run.taken_up(archive=archive)
    after.run()
    assert {*ids(events(range(3))), *ids(events(range(10, 13)))} == {*run.sent, *after.sent}


class _NoRoom(list[Any]):
    """Keeps nothing."""

    def append(self, _item: object) -> None:
        raise ConfigurationError("made up: make room")


def test_checkpoint_that_can_t_be_kept() -> None:
    """If a checkpoint can't be stored, it ends with the reason."""
    run = Run(filled(events(range(30))), rate=SLOW, checkpoints=_NoRoom())
    report = run.run()
    assert (report.end_reason, report.error) == (ReplayEnd.FAILED, "made up: make room")
    assert run.sent == ids(events(range(10)))
