"""When a run ends as idle, against events drawn at random."""

from __future__ import annotations

import random
from statistics import mean

import pytest

from drainctl.plan.pauses import Pauses


def drawn(per_second: float, quiet: float, most: float) -> list[float]:
    """Draw when runs end that wait for a pause."""
    chance = random.Random(1)  # noqa: S311 - a simulation, no secrets
    ends = []
    never = per_second * quiet > 50  # then every run lasts to its window's end: some show it
    for _ in range(100 if never else 4_000):
        now = 0.0
        while now < most:
            pause = chance.expovariate(per_second)
            if pause >= quiet:
                now += quiet
                break
            now += pause
        ends.append(min(now, most))
    return ends


@pytest.mark.parametrize("per_second", [0.001, 0.1, 0.5, 1, 2, 4, 30])
@pytest.mark.parametrize(("quiet", "most"), [(1.34, 20), (5.34, 240), (2, 1.5)])
def test_runs_last_as_long_as_drawn_ones(per_second: float, quiet: float, most: float) -> None:
    """The mean time until the first long pause, cut off at the window's end, is right."""
    expected = mean(drawn(per_second, quiet, most))
    assert Pauses(per_second, quiet, most).mean == pytest.approx(expected, rel=0.06)


def test_many_events_never_pause() -> None:
    """With very many events the run lasts to the end of its window, and no number overflows."""
    pauses = Pauses(100_000, 60, 840)
    assert pauses.mean == 840
    assert pauses.may_never_come(1)
    assert pauses.soonest(1_000) == 840


def test_no_events_pause_at_once() -> None:
    """With hardly any events, all runs end after the idle limit, and none at the window's end."""
    pauses = Pauses(1e-6, 5, 240)
    assert pauses.mean == pytest.approx(5, rel=1e-4)
    assert not pauses.may_never_come(300)
    assert pauses.soonest(300) == pytest.approx(5, abs=0.1)
