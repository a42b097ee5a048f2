"""The layers and functions as `sam build` makes them, and the digest of what is in one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

PROJECT: Final = Path(__file__).parents[2]
VENDOR: Final = {"arm64": "VendorLayerArm64", "x86_64": "VendorLayerX8664"}
"""The vendor layer's logical id for each architecture."""
OWN: Final = {
    "wgtwo": ("layers/wgtwo", "WgtwoLayer"),
    "eventdrain": ("layers/eventdrain", "EventdrainLayer"),
    "drain_events": ("functions/drain_events", "DrainEventsFunction"),
    "replay_events": ("functions/replay_events", "ReplayEventsFunction"),
}
"""Our own layers and functions: folder and logical id."""
_NOT_INHERITED: Final = ("MAKE", "MFLAGS", "PYTHON", "LAYER_TARGET")


def build(source: str, logical_id: str, artifacts: Path, **variables: str) -> None:
    """Build a layer or a function as `sam build` does: from a copy, into an artifacts folder.

    Args:
        source: Its folder in the project.
        logical_id: Its name in the template.
        artifacts: An empty folder.
        variables: What its Makefile knows, such as `PYTHON`.

    Raises:
        subprocess.CalledProcessError: It can't be built; make has said why.
    """
    copy = artifacts.with_name(f"{artifacts.name}-source")
    shutil.copytree(PROJECT / source, copy)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)
    }
    subprocess.run(  # noqa: S603 - our own Makefiles
        ["make", "--silent", f"build-{logical_id}"],  # noqa: S607 - whichever make the user has
        cwd=copy,
        env={**inherited, "ARTIFACTS_DIR": str(artifacts), "PYTHON": sys.executable, **variables},
        check=True,
    )


def build_vendor(architecture: str, artifacts: Path) -> dict[str, str]:
    """Build the vendor layer.

    Args:
        architecture: arm64 or x86_64.
        artifacts: An empty folder.

    Returns:
        The SHA-256 of the archive that each package came from, by the package's normalised name.
    """
    report = artifacts.with_name(f"{artifacts.name}-report.json")
    build("layers/vendor", VENDOR[architecture], artifacts, REPORT=str(report))
    return {
        canonicalize_name(package["metadata"]["name"]): package["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for package in json.loads(report.read_text())["install"]
    }


def contents(folder: Path) -> list[str]:
    """List all that is in a folder: names, modes, times, and digests of contents.

    It doesn't depend on where the folder is or on the order in which its file system lists it.
    """
    return [_entry(path, folder) for path in sorted(folder.rglob("*"))]


def _entry(path: Path, folder: Path) -> str:
    state = path.stat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    name = path.relative_to(folder).as_posix()
    return f"{name} {state.st_mode:o} {state.st_mtime_ns} {content}"


def content_digest(folder: Path) -> str:
    """Digest what `contents` lists."""
    return hashlib.sha256("\n".join(contents(folder)).encode()).hexdigest()
