"""One build of the stack for all local deployments, made anew when a source has changed."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from typing import TYPE_CHECKING, Final

from simulator.aws.embedded_aws import AWS_ENVIRONMENT, PROJECT_FOLDER
from simulator.aws.quick_build import quicken
from simulator.aws.sam import sam_build

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER: Final = PROJECT_FOLDER / "build" / "sam"
_SOURCES: Final = (
    PROJECT_FOLDER / "template.yaml",
    PROJECT_FOLDER / "stacks",
    PROJECT_FOLDER / "functions",
    PROJECT_FOLDER / "layers",
    PROJECT_FOLDER / "requirements" / "sam.txt",
    PROJECT_FOLDER / "simulator" / "aws",
    AWS_ENVIRONMENT / "pyvenv.cfg",  # the Python that the layers are for
)


def current_build() -> Path:
    """Return a build of the sources as they are; build only if a source has changed.

    Raises:
        StackError: Building failed.
    """
    build = _FOLDER / _digest_of_sources()
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be building
        if not build.exists():
            for old in _FOLDER.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            unfinished = _FOLDER / "unfinished"
            sam_build(unfinished)
            quicken(unfinished)
            unfinished.rename(build)
    return build


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        for path in sorted(source.rglob("*")) if source.is_dir() else (source,):
            if path.is_file() and path.suffix != ".pyc":
                content = path.read_bytes()
                digest.update(f"{path.relative_to(PROJECT_FOLDER)} {len(content)}\0".encode())
                digest.update(content)
    return digest.hexdigest()
