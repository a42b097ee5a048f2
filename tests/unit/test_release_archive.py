"""A release is kept whole, without what it doesn't deploy, and the same each time."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Final

import pytest

from devtools.release_archive import ReleaseError, release_archive

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")

DEPLOYED: Final = ("template.yaml", "stacks/s.yaml", "functions/f/app.py", "layers/l/Makefile")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one commit, and a template that has changed since."""
    for name in (*DEPLOYED, "x.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    identity = ("-c", "user.name=made up", "-c", "user.email=made-up@example.com")
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "release"]):
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)
    (tmp_path / "template.yaml").write_text("changed since")
    return tmp_path


def test_archive_has_what_the_commit_deploys(project: Path) -> None:
    """Templates, functions and layers are in it as they were committed, the same each time."""
    version, packed = release_archive(project, "HEAD")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {
            member.name: archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in archive
            if member.isfile()
        }
    assert version == "1.2.3"
    assert files == {name: name for name in DEPLOYED}
    # The same bytes whatever the modes that files are given here.
    subprocess.run(["git", "config", "tar.umask", "0077"], cwd=project, check=True)
    assert release_archive(project, "HEAD") == (version, packed)
    with pytest.raises(ReleaseError, match="nope"):
        release_archive(project, "nope")
