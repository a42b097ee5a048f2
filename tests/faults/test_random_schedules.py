"""Faults of all kinds, mixed at random over several windows, break no invariant."""

from __future__ import annotations

from typing import Final

import pytest

from tests.faults.soak import run_schedules

_SCHEDULES: Final = 30


@pytest.mark.timeout(600)
def test_random_schedules() -> None:
    """Every invariant holds after every window; a violation is told with the schedule's seed."""
    totals = run_schedules(0, schedules=_SCHEDULES)
    assert len(totals.results) == _SCHEDULES
    assert sum(result.faults for result in totals.results) > _SCHEDULES
    assert not totals.failed, str(totals)
