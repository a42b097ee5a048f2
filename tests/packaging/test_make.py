"""The Makefile's commands, on any host."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

_MAKE_3_81: Final = ".FEATURES=order-only else-if archives jobserver"


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project, independent of an outer make."""
    return subprocess.run(
        ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", *arguments],
        cwd=PROJECT_FOLDER,
        check=False,
        capture_output=True,
        text=True,
    )


def test_old_make_runs_the_tests() -> None:
    """`make test` uses no option that an old make, such as 3.81 of macOS, doesn't know."""
    recipe = make("--dry-run", "test", _MAKE_3_81)

    assert recipe.returncode == 0
    assert "bin/pytest" in recipe.stdout
    assert "output-sync" not in recipe.stdout


@pytest.mark.parametrize(
    "command",
    [
        *(
            "run",
            "up",
            "status",
            "down",
            "serve",
            "deploy",
            "credentials",
            "doctor",
            "plan",
            "verify",
            "tail",
        ),
        *("replay", "erase", "delete", "bench", "soak", "mutants"),
    ],
)
def test_arguments_reach_the_command(command: str) -> None:
    """Each command that documents options gets the arguments in ARGS."""
    assert "--some-option 7" in make("--dry-run", command, "ARGS=--some-option 7").stdout


def test_only_1_deletes() -> None:
    """Any other value of DELETE is an error, not a dry run."""
    for value in ("yes", "true", "1 1x"):
        refused = make("--dry-run", "erase", f"DELETE={value}")
        assert refused.returncode != 0
        assert f"DELETE is '{value}': set it to 1" in refused.stderr
    assert "--delete" in make("--dry-run", "erase", "DELETE=1").stdout
    assert "--delete" not in make("--dry-run", "erase").stdout


def test_python_that_cannot_be_used_is_named() -> None:
    """If the named Python is missing, the error has a hint."""
    refused = make("--always-make", ".venv/.made", "PYTHON=/nowhere/python3")

    assert refused.returncode != 0
    assert "To fix this, run make PYTHON=/path/to/python3 ..." in refused.stderr


def test_another_python_replaces_the_environments(tmp_path: Path) -> None:
    """`make PYTHON=...` installs anew for another version, nothing for the same one."""
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\necho Python 3.99.0\n")
    other.chmod(0o755)

    assert "venv --clear .venv\n" in make("--dry-run", "setup", f"PYTHON={other}").stdout
    locks = [f"--old-file=requirements/{name}.txt" for name in ("uv", "run")]
    same = make("--dry-run", *locks, "setup", f"PYTHON={sys.executable}")
    assert same.returncode == 0
    assert "venv --clear .venv\n" not in same.stdout
