from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from eventdrain.drain import Lag
from tests.deliveries import RECEIVED_AT, line_delivery, quarantined_of

if TYPE_CHECKING:
    from eventdrain.events import Delivery


def aged(seconds: int | None, *, redelivered: bool = False) -> Delivery:
    """Return a delivery of an event with this age, or without a time."""
    time = None
    if seconds is not None:
        time = (RECEIVED_AT - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return line_delivery(event_time=time)._replace(redelivered=redelivered)


def age_after(*deliveries: Delivery, every: float = 0.01, quiet: float = 0.0) -> float:
    """Return the age after these were taken one by one, followed by a quiet time."""
    lag = Lag()
    now = 0.0
    for delivery in deliveries:
        now += every
        lag.note(delivery, now)
    return lag.age_seconds(now + quiet)


def test_age_is_that_of_the_last_events() -> None:
    """Earlier events don't count, so a drained backlog is no backlog."""
    assert age_after(*[aged(900)] * 500, *[aged(1)] * 200) == pytest.approx(1, abs=1)


def test_age_of_a_slow_stream_is_that_of_the_last_seconds() -> None:
    """Old events at the window's start don't count later, even if few have arrived since."""
    waited, live = [aged(200)] * 90, [aged(1)] * 6
    lag = Lag()
    for delivery in waited:
        lag.note(delivery, 0.5)
    for number, delivery in enumerate(live):
        lag.note(delivery, 3.0 * number + 3.0)
    assert lag.age_seconds(20.0) == pytest.approx(1, abs=1)


def test_old_events_are_no_backlog_if_nothing_comes_after_them() -> None:
    """If it is quiet at the window's end, all is drained, whatever the events' age."""
    assert age_after(*[aged(900)] * 50, quiet=1.0) == pytest.approx(900, abs=1)
    assert age_after(*[aged(900)] * 50, quiet=6.0) == 0.0


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(aged(1), id="young"),
        pytest.param(aged(None), id="without a time"),
        pytest.param(quarantined_of(1), id="in quarantine"),
        pytest.param(aged(1, redelivered=True), id="sent before"),
    ],
)
def test_odd_events_don_t_hide_a_backlog(odd: Delivery) -> None:
    """A single event without an age, or with another one, doesn't change the result."""
    assert age_after(*[aged(900)] * 50, odd) == pytest.approx(900, abs=1)


def test_one_old_event_is_no_backlog() -> None:
    """A single old event among many recent ones is not a backlog."""
    assert age_after(*[aged(1)] * 50, aged(900)) == pytest.approx(1, abs=1)


@pytest.mark.parametrize("deliveries", [[], [aged(None)] * 3, [aged(90, redelivered=True)] * 3])
def test_no_age_without_events_that_have_one(deliveries: list[Delivery]) -> None:
    """If no event has a time, the age is 0."""
    assert age_after(*deliveries) == 0.0
