from __future__ import annotations

import pytest

from eventdrain.drain import TICK_SECONDS, AckPace


def test_everything_is_granted_until_the_server_asks_to_slow_down() -> None:
    """As long as the server doesn't ask to slow down, no ack waits."""
    pace = AckPace()
    assert pace.grant(100, 0.0) == 100
    pace.answered(confirmed=100, throttled=0, now=0.1)
    assert pace.grant(1000, 0.1) == 1000


def test_what_was_confirmed_is_the_next_budget() -> None:
    """The number of confirmed acks in a tick is the budget of the next, for all batches."""
    pace = AckPace()
    pace.grant(100, 0.0)
    pace.answered(confirmed=20, throttled=80, now=1.0)
    assert pace.grant(80, 1.0) == 0
    assert pace.wait_seconds(1.0) == pytest.approx(TICK_SECONDS)
    assert pace.grant(15, 1.0 + TICK_SECONDS) == 15
    assert pace.grant(15, 1.0 + TICK_SECONDS) == 5
    assert pace.grant(15, 1.0 + TICK_SECONDS) == 0


def test_acks_with_the_earliest_deadline_go_first() -> None:
    """Budgets are reserved for waiting acks with an earlier deadline; others get the rest."""
    pace = AckPace()
    pace.grant(100, 0.0)
    pace.answered(confirmed=20, throttled=80, now=0.0)
    with pace.waiting(15, until=25.0):
        assert pace.grant(10, 1.0, until=26.0) == 5
        assert pace.grant(10, 1.0, until=26.0) == 0
        assert pace.grant(4, 1.0, until=25.0) == 4
    assert pace.grant(20, 1.0, until=26.0) == 11


def test_a_server_that_takes_nothing_is_asked_for_one() -> None:
    """The budget is never below one, so that it can grow again."""
    pace = AckPace()
    pace.grant(100, 0.0)
    pace.answered(confirmed=0, throttled=100, now=0.0)
    assert pace.grant(100, 10.0) == 1


def test_budget_grows_while_all_of_it_is_confirmed() -> None:
    """The budget grows if all of it was confirmed; an unused budget doesn't change it."""
    pace = AckPace()
    pace.grant(100, 0.0)
    pace.answered(confirmed=16, throttled=84, now=0.0)
    granted = []
    for second in range(1, 4):
        granted.append(pace.grant(1000, float(second)))
        pace.answered(confirmed=granted[-1], throttled=0, now=float(second))
    assert granted == [16, 19, 22]
    assert pace.grant(5, 4.0) == 5
    pace.answered(confirmed=5, throttled=0, now=4.0)
    assert pace.grant(1000, 5.0) == 25
