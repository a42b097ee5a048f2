"""Faults of all kinds, mixed at random over several windows, break no invariant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.schedules import run_schedule
from tests.faults.soak import run_schedules

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

_SCHEDULES: Final = 30
_QUICK: Final = 8


@pytest.mark.usefixtures("short_authentication_wait")
@pytest.mark.parametrize("seed", range(_QUICK))
def test_random_schedule(cloud: Cloud, seed: int) -> None:
    """Every invariant holds after every window of a schedule."""
    assert run_schedule(cloud, seed).violations == ()


@pytest.mark.release
@pytest.mark.timeout(600)
def test_random_schedules_side_by_side() -> None:
    """Every invariant holds in many schedules of several processes; a violation has its seed."""
    totals = run_schedules(_QUICK, schedules=_SCHEDULES)
    assert len(totals.results) == _SCHEDULES
    assert sum(result.faults for result in totals.results) > _SCHEDULES
    assert not totals.failed, str(totals)
