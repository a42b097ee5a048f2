from __future__ import annotations

from datetime import timedelta

import pytest

from eventdrain.backoff import Backoff

FIRST = timedelta(seconds=1)
LONGEST = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("draw", "factor"), [(0.0, 1.0), (0.5, 1.25), (0.999, 1.4995)], ids=["least", "middle", "most"]
)
def test_grows_to_the_longest(draw: float, factor: float) -> None:
    """Waits double up to a maximum, each with a jitter of up to half."""
    backoff = Backoff(first=FIRST, longest=LONGEST, draw=lambda: draw)
    waits = [backoff.wait_seconds() for _ in range(8)]
    assert waits == pytest.approx([factor * least for least in (1, 2, 4, 8, 16, 30, 30, 30)])


def test_reset_starts_over() -> None:
    """After a success the series starts with the first wait again."""
    backoff = Backoff(first=FIRST, longest=LONGEST, draw=lambda: 0.5)
    for _ in range(5):
        backoff.wait_seconds()
    backoff.reset()
    assert [backoff.wait_seconds() for _ in range(2)] == pytest.approx([1.25, 2.5])


def test_is_jittered_by_default() -> None:
    """Two series have different waits."""
    series = [Backoff(first=FIRST, longest=LONGEST) for _ in range(2)]
    first, second = ([backoff.wait_seconds() for _ in range(10)] for backoff in series)
    assert first != second
