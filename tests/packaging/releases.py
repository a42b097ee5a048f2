"""Archived releases, see `devtools.release_archive`."""

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
"""Types of resources that are stateful or referred to by name, which an upgrade must keep."""


def unpack_release(version: str, folder: Path) -> Path:
    """Unpack a release's templates, functions and layers.

    Args:
        version: The release's.
        folder: The parent of the new folder.

    Returns:
        The new folder, in which `sam build` can run.
    """
    project = folder / f"event-drain-{version}"
    with tarfile.open(PROJECT_FOLDER / "tests" / "upgrade" / f"{project.name}.tar.gz") as archive:
        archive.extractall(project, filter="data")
    return project
