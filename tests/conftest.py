"""Fixtures of all tests: the embedded AWS of a process, and hypothesis's profiles.

The AWS is shared by all folders of tests: a process has one set of the engine's clients, which can
use only one AWS.

By default hypothesis tries few examples, the same each time. ``HYPOTHESIS_PROFILE=thorough pytest
tests/unit`` tries a hundred times as many, different in each run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from eventdrain.events import DeliveryReader
from simulator import deployment
from tests import schema_checks
from tests.faults.fixtures import cloud, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["cloud", "scene"]

# The machine may be busy, so examples have no deadline, and slow data generation is no failure.
_PATIENT: Final = (HealthCheck.too_slow,)

settings.register_profile(
    "quick",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=_PATIENT,
)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=5000,
    print_blob=True,
    suppress_health_check=_PATIENT,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session", autouse=True)
def _schemas() -> Iterator[None]:
    """Check every line that is read in this process, and what a deployment holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeliveryReader, "read", schema_checks.read)
        for name in ("archive_lines", "take_messages"):
            patch.setattr(deployment, name, getattr(schema_checks, name))
        yield


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that makes a named file or folder once for all processes of a test run."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # one of several processes, which share the parent
        folder = folder.parent

    def make_once(name: str, make: Callable[[Path], object]) -> Path:
        result, unfinished = folder / name, folder / f"{name}.unfinished"
        with FileLock(folder / f"{name}.lock"):
            if not result.exists():
                make(unfinished)
                unfinished.rename(result)
        return result

    return make_once
