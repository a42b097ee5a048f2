"""What detect-secrets finds in the files that git knows, or would know."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

from devtools.secret_scan.allowed import Suspect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_EXCLUDED: Final = "detect_secrets.filters.regex.should_exclude_secret"


class NoGitError(Exception):
    """Which files belong to the project can't be told."""


def files(project: Path) -> list[str]:
    """List the files that are tracked, and the new ones that aren't ignored; from the root.

    Raises:
        NoGitError: There is no git, or the folder is none of its work trees.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(  # noqa: S603 - no argument is anybody's
            command, cwd=project, check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoGitError("git can't say which files belong to the project") from error
    # One that was deleted and is still tracked is listed as well.
    return sorted(name for name in listed.stdout.split("\0") if name and (project / name).is_file())


def suspects(project: Path, names: Sequence[str], harmless: Sequence[str]) -> dict[Suspect, int]:
    """Search files.

    Args:
        project: The root.
        names: The files, from there.
        harmless: Regular expressions for what is no secret wherever it stands.

    Returns:
        What looks like a secret, and in which line.
    """
    searched = [name for name in names if not _is_lock(name)]
    secrets = SecretsCollection(root=str(project))
    with default_settings() as settings:
        settings.filters[_EXCLUDED] = {"pattern": list(harmless)}
        # One after the other: the library's way to scan many forks, which hangs in a process that
        # has threads of gRPC.
        for name in searched:
            secrets.scan_file(name)
    return {
        Suspect(name, secret.type, secret.secret_hash): secret.line_number
        for name, secret in secrets
    }


def _is_lock(name: str) -> bool:
    """Whether it is digests by the hundred, which pip checks."""
    folder, _, file = name.rpartition("/")
    return (folder == "requirements" or file.startswith("requirements")) and file.endswith(".txt")
