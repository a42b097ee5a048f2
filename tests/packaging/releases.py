"""Releases that were kept, as `devtools.release_archive` packs them."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Final

from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

OLDEST_RELEASE: Final = "0.1.0"

KEPT: Final = frozenset(
    {
        "AWS::Athena::WorkGroup",
        "AWS::Glue::Database",
        "AWS::Glue::Table",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::Scheduler::Schedule",
        "AWS::SecretsManager::Secret",
        "AWS::StepFunctions::StateMachine",
    }
)
"""Types of resources that hold something, or that others know by name: an upgrade keeps them."""


def unpack_release(version: str, folder: Path) -> Path:
    """Unpack a release's templates, functions and layers.

    Args:
        version: The release's.
        folder: Where to; a folder is made in it.

    Returns:
        The folder that `sam build` can run in.
    """
    project = folder / f"event-drain-{version}"
    with tarfile.open(PROJECT_FOLDER / "tests" / "upgrade" / f"{project.name}.tar.gz") as archive:
        archive.extractall(project, filter="data")
    return project
