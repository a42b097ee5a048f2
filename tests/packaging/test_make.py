"""The Makefile: what its commands run, on any host."""

from __future__ import annotations

import subprocess
from typing import Final

from tests.local.embedded_aws import PROJECT_FOLDER

_MAKE_3_81: Final = ".FEATURES=order-only else-if archives jobserver"


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project, apart from a make that runs the tests."""
    return subprocess.run(
        ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", *arguments],
        cwd=PROJECT_FOLDER,
        check=False,
        capture_output=True,
        text=True,
    )


def test_old_make_runs_the_tests() -> None:
    """`make test` gives no option to a make that doesn't know it, such as 3.81 of macOS."""
    recipe = make("--dry-run", "test", _MAKE_3_81)

    assert recipe.returncode == 0
    assert "bin/pytest" in recipe.stdout
    assert "output-sync" not in recipe.stdout


def test_python_that_cannot_be_used_is_named() -> None:
    """Where the named Python is missing, the error has a remedy."""
    refused = make("--always-make", ".venv/.made", "PYTHON=/nowhere/python3")

    assert refused.returncode != 0
    assert "To fix this, run make PYTHON=/path/to/python3 ..." in refused.stderr
