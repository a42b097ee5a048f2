"""One embedded AWS for all tests of a process, and a fresh scene for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.cloud import Cloud
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Return the AWS behind its proxies."""
    with Cloud() as running:
        yield running


@pytest.fixture
def scene(cloud: Cloud) -> Iterator[Scene]:
    """Return a scene with the event server's default rules."""
    with Scene(cloud) as running:
        yield running
