"""Fixtures of the integration tests: builds of the stack."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from simulator.aws import quicken, sam_build
from tests.integration.compaction_stack import events, lines, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["events", "lines", "table"]


@pytest.fixture(scope="session")
def plainly_built(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Return the result of `sam build`."""
    return made_once("plainly-built", sam_build)


@pytest.fixture(scope="session")
def built(made_once: Callable[[str, Callable[[Path], object]], Path], plainly_built: Path) -> Path:
    """Return a build that deploys quickly."""

    def make(folder: Path) -> None:
        shutil.copytree(plainly_built, folder, dirs_exist_ok=True)
        quicken(folder)

    return made_once("built", make)
