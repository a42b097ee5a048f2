"""Builds layers and functions as `sam build` does, and lists what is in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from simulator.aws.embedded_aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

OWN: Final = {
    "wgtwo": ("layers/wgtwo", "WgtwoLayer"),
    "eventdrain": ("layers/eventdrain", "EventdrainLayer"),
    "drain_events": ("functions/drain_events", "DrainEventsFunction"),
    "replay_events": ("functions/replay_events", "ReplayEventsFunction"),
}
"""This project's own layers and functions: folder and logical id."""
_NOT_INHERITED: Final = ("MAKE", "MFLAGS", "PYTHON", "LAYER_TARGET")


def build(source: str, logical_id: str, artifacts: Path, **variables: str) -> None:
    """Build a layer or a function as `sam build` does: from a copy, into an artifacts folder.

    Args:
        source: Its folder in the project.
        logical_id: Its name in the template.
        artifacts: An empty folder.
        variables: Environment variables for its Makefile, such as `PYTHON`.

    Raises:
        subprocess.CalledProcessError: The build failed.
    """
    copy = artifacts.with_name(f"{artifacts.name}-source")
    shutil.copytree(PROJECT_FOLDER / source, copy)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)
    }
    subprocess.run(
        ["make", "--silent", f"build-{logical_id}"],
        cwd=copy,
        env={**inherited, "ARTIFACTS_DIR": str(artifacts), "PYTHON": sys.executable, **variables},
        check=True,
    )


def contents(folder: Path) -> list[str]:
    """List the files and folders within a folder, each with its mode, time and digest."""
    return [_entry(path, folder) for path in sorted(folder.rglob("*"))]


def _entry(path: Path, folder: Path) -> str:
    state = path.stat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    name = path.relative_to(folder).as_posix()
    return f"{name} {state.st_mode:o} {state.st_mtime_ns} {content}"
