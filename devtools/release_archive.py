"""Archives a release for the upgrade test: ``python -m devtools.release_archive COMMIT``.

The upgrade test deploys the oldest release, then updates it to the current version. As a clone may
have no history, the templates, functions and layers of a release's commit are stored in
``tests/upgrade/event-drain-<version>.tar.gz``. The archive of a commit is reproducible.
"""

from __future__ import annotations

import gzip
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import click

PROJECT: Final = Path(__file__).parents[1]
ARCHIVES: Final = PROJECT / "tests" / "upgrade"

_FOLDERS: Final = ("functions", "layers")


class ReleaseError(Exception):
    """The commit can't be read. The message is git's."""


def release_archive(project: Path, commit: str) -> tuple[str, bytes]:
    """Archive the templates, functions and layers of a commit.

    Args:
        project: A clone that has the commit.
        commit: A hash or a tag.

    Returns:
        The version of the commit's `pyproject.toml`, and a gzipped tar.

    Raises:
        ReleaseError: There is no such commit, or git is missing.
    """
    settings = tomllib.loads(_git(project, "show", f"{commit}:pyproject.toml").decode())
    at_top = _git(project, "ls-tree", "--name-only", commit).decode().splitlines()
    templates = [name for name in at_top if name.endswith(".yaml") or name == "stacks"]
    # Times in the archive are the commit's; modes must not depend on this machine.
    tar = _git(project, "-c", "tar.umask=0022", "archive", commit, *templates, *_FOLDERS)
    return settings["project"]["version"], gzip.compress(tar, mtime=0)


def _git(project: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(  # noqa: S603 - no shell
            ["git", "-C", project, *arguments],  # noqa: S607 - the user's own
            check=True,
            capture_output=True,
        ).stdout
    except FileNotFoundError as error:
        raise ReleaseError("git is missing") from error
    except subprocess.CalledProcessError as error:
        raise ReleaseError(error.stderr.decode().strip()) from error


@click.command()
@click.argument("commit")
def main(commit: str) -> None:
    """Archive COMMIT for the upgrade test."""
    try:
        version, archive = release_archive(PROJECT, commit)
    except ReleaseError as error:
        raise click.ClickException(str(error)) from error
    path = ARCHIVES / f"event-drain-{version}.tar.gz"
    path.write_bytes(archive)
    click.echo(f"{path.relative_to(PROJECT)}: {len(archive):,} bytes")


if __name__ == "__main__":
    main()
