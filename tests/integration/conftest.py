"""What the integration tests share: an archive, and a build of the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.integration.compaction_stack import events, lines, table
from tests.local import sam

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["events", "lines", "table"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Give what `sam build` made of this version, once for all processes of a parallel run."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # one of several processes: its folder is in theirs
        folder = folder.parent
    result = folder / "built"
    with FileLock(folder / "built.lock"):
        if not (result / "template.yaml").exists():
            sam.build(result)
    return result
