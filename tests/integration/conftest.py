"""What the integration tests share: an archive, and a build of the stack."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.integration.compaction_stack import events, lines, table
from tests.local import sam
from tests.local.quick_build import quicken

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["events", "lines", "table"]


@pytest.fixture(scope="session")
def plainly_built(shared_folder: Path) -> Path:
    """Give what `sam build` made of this version, once for all processes of a test run."""
    result = shared_folder / "plainly-built"
    with FileLock(shared_folder / "plainly-built.lock"):
        if not (result / "template.yaml").exists():
            sam.build(result)
    return result


@pytest.fixture(scope="session")
def built(shared_folder: Path, plainly_built: Path) -> Path:
    """Give the same, quick to deploy."""
    result = shared_folder / "built"
    with FileLock(shared_folder / "built.lock"):
        if not result.exists():
            unfinished = shutil.copytree(plainly_built, shared_folder / "built-so-far")
            quicken(unfinished)
            unfinished.rename(result)
    return result
