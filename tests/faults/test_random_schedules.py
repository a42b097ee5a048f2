"""Faults of all kinds, mixed at random over several windows, break no invariant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.schedules import run_schedule

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

_FIRST: Final = int(os.environ.get("FIRST_SEED", "0"))
_QUICK: Final = int(os.environ.get("SCHEDULES", "3"))
_MORE: Final = 10
"""Before a release. `make soak` runs others, and tests/simulation many more."""


@pytest.mark.usefixtures("short_authentication_wait")
@pytest.mark.parametrize(
    "seed",
    [
        *range(_FIRST, _FIRST + _QUICK),
        *(
            pytest.param(seed, marks=pytest.mark.release)
            for seed in range(_FIRST + _QUICK, _FIRST + _QUICK + _MORE)
            if "SCHEDULES" not in os.environ
        ),
    ],
)
def test_random_schedule(cloud: Cloud, seed: int) -> None:
    """Every invariant holds after every window of a schedule, and the faults explain all copies."""
    assert run_schedule(cloud, seed) == []
