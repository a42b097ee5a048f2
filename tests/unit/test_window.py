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
    """Reading ends with the window's length or before the reserve; commits may use the reserve."""
    window = opening(
        1000.0,
        timedelta(seconds=length),
        timedelta(seconds=remaining),
        timedelta(seconds=reserve),
    )
    assert window.read_until == pytest.approx(1000 + read_for)
    assert window.commit_until == pytest.approx(1000 + commit_for)


@given(moments, spans, spans, spans)
def test_window(now: float, length: timedelta, remaining: timedelta, reserve: timedelta) -> None:
    """Reading and committing end only because of length, reserve or the time for the report."""
    window = opening(now, length, remaining, reserve)
    limits = (
        length.total_seconds(),
        (remaining - reserve).total_seconds(),
        remaining.total_seconds() - REPORTING_SECONDS,
    )
    assert now <= window.read_until <= window.commit_until
    assert window.read_until == pytest.approx(now + max(0.0, min(limits)), abs=ROUNDING)
    assert window.commit_until <= window.read_until + reserve.total_seconds() + ROUNDING
    assert window.commit_until <= now + max(0.0, limits[2]) + ROUNDING
