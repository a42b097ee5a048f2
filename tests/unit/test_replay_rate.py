"""The rate of a replay."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eventdrain.replay import RateLimit


@given(
    st.floats(0.1, 1e4),
    st.lists(st.tuples(st.integers(1, 100), st.floats(0, 10)), min_size=1, max_size=20),
)
def test_rate_is_kept(per_second: float, calls: list[tuple[int, float]]) -> None:
    """Calls start only when the rate allows it, whatever the pauses before."""
    limit = RateLimit(per_second)
    now = 0.0
    starts: list[tuple[float, int]] = []
    for count, pause in calls:
        now += pause
        now += limit.wait_seconds(count, now)
        starts.append((now, count))
    for (start, count), (following, _) in pairwise(starts):
        assert following - start >= count / per_second * (1 - 1e-6)


def test_first_waits_for_nothing() -> None:
    """The first call doesn't wait, nor does one after a long enough pause."""
    limit = RateLimit(10)
    assert limit.wait_seconds(20, 100.0) == 0
    assert limit.wait_seconds(20, 101.0) == 1
    assert limit.wait_seconds(20, 200.0) == 0


def test_zero_is_no_limit() -> None:
    """At a rate of 0 nothing waits."""
    limit = RateLimit(0)
    assert [limit.wait_seconds(1000, 0.0) for _ in range(3)] == [0, 0, 0]
