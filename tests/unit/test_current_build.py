"""The build that local deployments share: reused until a source changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.aws import StackError, current_build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Builder:
    """Builds a file; fails if asked to.

    Attributes:
        is_broken: Whether it leaves a half of a build and fails.
        builds: How many it has finished.
    """

    is_broken = False
    builds = 0

    def __call__(self, folder: Path) -> None:
        """Build as ``sam_build`` does, into an emptied folder."""
        folder.mkdir(exist_ok=True)
        if self.is_broken:
            raise StackError("made up")
        self.builds += 1
        (folder / "template.yaml").touch()


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """Build here, from one folder of sources, by a builder that takes no time."""
    made = Builder()
    monkeypatch.setattr("simulator.aws.builds._FOLDER", tmp_path / "builds")
    monkeypatch.setattr("simulator.aws.builds._SOURCES", (tmp_path / "sources",))
    monkeypatch.setattr("simulator.aws.builds.PROJECT_FOLDER", tmp_path)
    monkeypatch.setattr("simulator.aws.builds.sam_build", made)
    monkeypatch.setattr("simulator.aws.builds.quicken", lambda _folder: None)
    (tmp_path / "sources/function").mkdir(parents=True)
    return made


def test_each_change_builds_once(builder: Builder, tmp_path: Path) -> None:
    """A file that is new, changed, renamed or gone makes a new build; compiled Python does not."""
    file = tmp_path / "sources/function/app.py"
    other = file.with_name("other.py")
    changes: tuple[Callable[[], object], ...] = (
        lambda: None,
        lambda: file.write_text("1"),
        lambda: file.write_text("2"),
        lambda: file.rename(other),
        other.unlink,
    )
    for number, change in enumerate(changes, start=1):
        change()
        build = current_build()
        (tmp_path / "sources/function/app.pyc").write_text(str(number))
        assert current_build() == build
        assert builder.builds == number
        assert [each for each in build.parent.iterdir() if each.is_dir()] == [build]


def test_failed_build_is_not_reused(builder: Builder) -> None:
    """After a build that failed the next call builds again."""
    builder.is_broken = True
    with pytest.raises(StackError):
        current_build()
    builder.is_broken = False
    assert (current_build() / "template.yaml").exists()
