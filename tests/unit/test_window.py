from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.drain import REPORTING_SECONDS, Window

ROUNDING: Final = 1e-6

spans: Final = st.timedeltas(timedelta(0), timedelta(minutes=20))
moments: Final = st.floats(0, 1e6)


def opening(now: float, length: timedelta, remaining: timedelta, reserve: timedelta) -> Window:
    """Open a window."""
    return Window.opening(now, length=length, remaining=remaining, reserve=reserve)


@pytest.mark.parametrize(
    ("length", "remaining", "reserve", "read_for", "commit_for"),
    [
        pytest.param(240, 300, 15, 240, 255, id="its length ends it"),
        pytest.param(240, 200, 15, 185, 199, id="the remaining time ends it"),
        pytest.param(240, 10, 15, 0, 9, id="no time to read"),
        pytest.param(240, 0.5, 15, 0, 0, id="no time at all"),
        pytest.param(240, 0, 0, 0, 0, id="nothing remains"),
        pytest.param(240, 100, 0, 99, 99, id="no reserve"),
    ],
)
def test_opening(
    length: float, remaining: float, reserve: float, read_for: float, commit_for: float
) -> None:
    """Reading ends with the length or before the reserve; commits may take the reserve."""
    window = opening(
        1000.0,
        timedelta(seconds=length),
        timedelta(seconds=remaining),
        timedelta(seconds=reserve),
    )

    assert window.read_until == pytest.approx(1000 + read_for)
    assert window.commit_until == pytest.approx(1000 + commit_for)


@given(moments, spans, spans, spans)
def test_order(now: float, length: timedelta, remaining: timedelta, reserve: timedelta) -> None:
    """Reading ends neither before the window opens nor after committing ends."""
    window = opening(now, length, remaining, reserve)

    assert now <= window.read_until <= window.commit_until


@given(moments, spans, spans, spans)
def test_reading_leaves_the_reserve(
    now: float, length: timedelta, remaining: timedelta, reserve: timedelta
) -> None:
    """Reading goes on neither beyond the window's length nor into the reserve."""
    window = opening(now, length, remaining, reserve)
    spare = max(0.0, (remaining - reserve).total_seconds())

    assert window.read_until <= now + length.total_seconds() + ROUNDING
    assert window.read_until <= now + spare + ROUNDING


@given(moments, spans, spans, spans)
def test_committing_leaves_time_to_report(
    now: float, length: timedelta, remaining: timedelta, reserve: timedelta
) -> None:
    """Commits take no longer than the reserve, and end before the process has to report."""
    window = opening(now, length, remaining, reserve)
    last_moment = now + max(0.0, remaining.total_seconds() - REPORTING_SECONDS)

    assert window.commit_until <= window.read_until + reserve.total_seconds() + ROUNDING
    assert window.commit_until <= last_moment + ROUNDING


@given(moments, spans, spans, spans)
def test_no_time_is_wasted(
    now: float, length: timedelta, remaining: timedelta, reserve: timedelta
) -> None:
    """Reading ends early only where length, reserve or report ask for it."""
    window = opening(now, length, remaining, reserve)
    limits = (
        length.total_seconds(),
        (remaining - reserve).total_seconds(),
        remaining.total_seconds() - REPORTING_SECONDS,
    )

    assert window.read_until == pytest.approx(now + max(0.0, min(limits)), abs=ROUNDING)
