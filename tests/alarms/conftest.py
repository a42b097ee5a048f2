"""Fixtures of the alarm tests: recorded runs of a healthy stack, and of outages."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tests.alarms.recording import healthy_runs
from tests.alarms.timeline import RealRun
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.alarms.rows import Outage
    from tests.faults.cloud import Cloud

    Recording = Callable[[str, Callable[[], Sequence[RealRun]]], list[RealRun]]


@pytest.fixture(scope="session")
def once(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Recording:
    """Return a function that records runs once for all processes of a test run, by name."""

    def recorded_once(name: str, record: Callable[[], Sequence[RealRun]]) -> list[RealRun]:
        def write(path: Path) -> None:
            path.write_text(json.dumps([asdict(run) for run in record()]))

        kept = made_once(f"{name}.runs.json", write)
        return [RealRun(**run) for run in json.loads(kept.read_text())]

    return recorded_once


@pytest.fixture(scope="session")
def healthy(once: Recording, cloud: Cloud) -> list[RealRun]:
    """Return runs of a healthy stack."""
    return once("healthy", lambda: healthy_runs(cloud))


@pytest.fixture(scope="session")
def recorded(once: Recording, cloud: Cloud) -> Callable[[Outage], Sequence[RealRun]]:
    """Return a function that returns the runs of an outage, recorded once in a new scene."""

    def runs_of(outage: Outage) -> Sequence[RealRun]:
        def record() -> Sequence[RealRun]:
            with Scene(cloud) as scene:
                return outage(scene)

        return once(outage.__name__, record)

    return runs_of
