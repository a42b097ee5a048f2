"""What the alarm tests share: the runs of a stack that is well, and of outages."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.alarms.recording import healthy_runs
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.alarms.rows import Outage
    from tests.alarms.timeline import RealRun
    from tests.faults.cloud import Cloud


@pytest.fixture(scope="session")
def healthy(cloud: Cloud) -> list[RealRun]:
    """Give runs of a stack that is well."""
    return healthy_runs(cloud)


@pytest.fixture(scope="session")
def recorded(cloud: Cloud) -> Callable[[Outage], Sequence[RealRun]]:
    """Give the runs of an outage, each recorded once, in a scene of its own."""

    @cache
    def runs_of(outage: Outage) -> Sequence[RealRun]:
        with Scene(cloud) as scene:
            return outage(scene)

    return runs_of
