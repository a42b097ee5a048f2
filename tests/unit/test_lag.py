from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from eventdrain.lag import Lag
from tests.deliveries import RECEIVED_AT, line_delivery, quarantined_of

if TYPE_CHECKING:
    from eventdrain.delivery import Delivery


def aged(seconds: int | None, *, redelivered: bool = False) -> Delivery:
    """Make a delivery of an event of this age, or of one without a time."""
    time = None
    if seconds is not None:
        time = (RECEIVED_AT - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return line_delivery(event_time=time)._replace(redelivered=redelivered)


def lag_of(*deliveries: Delivery) -> Lag:
    """Note deliveries, one a second."""
    lag = Lag()
    for now, delivery in enumerate(deliveries):
        lag.note(delivery, float(now))
    return lag


def test_age_is_that_of_the_last_events() -> None:
    """What came long before does not count: a backlog that is worked off is none any more."""
    lag = lag_of(*[aged(900)] * 500, *[aged(1)] * 200)

    assert lag.age_seconds == pytest.approx(1, abs=1)


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
    """One event that says nothing of the others, or something else, changes nothing."""
    lag = lag_of(*[aged(900)] * 50, odd)

    assert lag.age_seconds == pytest.approx(900, abs=1)


def test_one_old_event_is_no_backlog() -> None:
    """Nor does an old one among many that come as they happen make a backlog of them."""
    lag = lag_of(*[aged(1)] * 50, aged(900))

    assert lag.age_seconds == pytest.approx(1, abs=1)


@pytest.mark.parametrize("deliveries", [[], [aged(None)] * 3, [aged(90, redelivered=True)] * 3])
def test_no_age_without_events_that_tell_it(deliveries: list[Delivery]) -> None:
    """Where no event tells how long it waited, none is taken to have."""
    assert lag_of(*deliveries).age_seconds == 0.0


def test_quiet_since_the_last_event() -> None:
    """Quiet counts from what was taken last, whatever it was; else from the beginning."""
    assert lag_of(aged(1), aged(None)).quiet_seconds(9.0, since=0.0) == 8.0
    assert lag_of().quiet_seconds(9.0, since=2.0) == 7.0
