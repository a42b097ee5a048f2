"""The secret scan: what it finds, what it is told to overlook, and where it can't look."""

from __future__ import annotations

import subprocess
from hashlib import sha1
from typing import TYPE_CHECKING, Final

import pytest

from devtools.secret_scan.allowed import ALLOWED, Suspect, allowed, harmless
from devtools.secret_scan.scan import NoGitError, files, suspects

if TYPE_CHECKING:
    from pathlib import Path

# Put together here, or the scan of this file would find it.
KEY: Final = "AKIA" + "Z7QJ2MTRXW4LKPDV"
DIGEST: Final = sha1(KEY.encode(), usedforsecurity=False).hexdigest()


def test_secret_is_found(tmp_path: Path) -> None:
    """A key of an AWS account is found, with its line; its text isn't repeated."""
    (tmp_path / "app.py").write_text(f"a = 1\nkey = {KEY!r}\n")
    found = suspects(tmp_path, ["app.py"], [])

    assert found[Suspect("app.py", "AWS Access Key", DIGEST)] == 2
    assert KEY not in str(found)


def test_harmless_is_overlooked(tmp_path: Path) -> None:
    """What a pattern calls harmless is no suspect; the rest of the file is searched as well."""
    (tmp_path / "app.py").write_text(
        f'password = "made-up-1"\npassword = "real-1"\nkey = {KEY!r}\n'
    )
    kinds = sorted(it.kind for it in suspects(tmp_path, ["app.py"], harmless(ALLOWED.read_text())))

    assert kinds.count("Secret Keyword") == 1
    assert "AWS Access Key" in kinds


def test_lock_is_not_searched(tmp_path: Path) -> None:
    """The digests of a lock are no secrets."""
    (tmp_path / "requirements.txt").write_text(f"key = {KEY!r}\n")

    assert not suspects(tmp_path, ["requirements.txt"], [])


def test_everything_overlooked_has_its_reason() -> None:
    """The list of what is no secret can be read, and an entry without a reason can't."""
    text = ALLOWED.read_text()

    assert allowed(text)
    assert harmless(text)
    with pytest.raises(ValueError, match=r"app\.py has no reason"):
        allowed('[[allowed]]\nfile = "app.py"\nkind = "Secret Keyword"\ndigests = ["0"]\n')
    with pytest.raises(ValueError, match="no reason"):
        harmless('[[harmless]]\npattern = "^x"\n')


def test_files_are_those_of_git(tmp_path: Path) -> None:
    """Files that git tracks or would track are searched; ignored and deleted ones are not."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for name in ("tracked", "new", "ignored", "deleted"):
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("ignored\n")
    subprocess.run(["git", "-C", tmp_path, "add", "tracked", "deleted"], check=True)
    (tmp_path / "deleted").unlink()

    assert files(tmp_path) == [".gitignore", "new", "tracked"]


def test_without_git_it_says_so(tmp_path: Path) -> None:
    """In a folder that isn't git's, as an unpacked archive, nothing is guessed."""
    with pytest.raises(NoGitError, match="git can't say"):
        files(tmp_path)
