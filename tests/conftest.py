"""What all tests share: the embedded AWS of a process, and how hypothesis searches.

The fixtures are here because those of two folders would be two, each with an AWS of its own, and
the engine's clients, which are made once in a process, know only the one that they were made for.

Hypothesis searches quickly by default, the same every time; longer and freely on demand:
``HYPOTHESIS_PROFILE=thorough pytest tests/unit`` looks at a hundred times as many examples, other
ones with every run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.fixtures import cloud, scene

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cloud", "scene"]

# The machine that runs the tests may be busy with something else: no example has a deadline, and
# slow drawing is no failure.
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


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Give a folder of this test run that all its processes share."""
    folder = tmp_path_factory.getbasetemp()
    is_one_of_several = hasattr(request.config, "workerinput")  # then its folder is in theirs
    return folder.parent if is_one_of_several else folder
