"""The version is the same in all three places."""

from __future__ import annotations

import re
import tomllib

from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import ExpandedTemplate


def test_version_is_the_projects() -> None:
    """The stack's output and the changelog's latest release are pyproject's version."""
    project = tomllib.loads((PROJECT_FOLDER / "pyproject.toml").read_text())
    changelog = (PROJECT_FOLDER / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)

    assert releases[0] == project["project"]["version"]
    assert ExpandedTemplate().outputs["Version"]["Value"] == project["project"]["version"]


def test_changelog_is_in_order() -> None:
    """Each release is listed once, the latest first."""
    changelog = (PROJECT_FOLDER / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (\d+)\.(\d+)\.(\d+)", changelog, re.MULTILINE)
    versions = [tuple(map(int, release)) for release in releases]

    assert versions == sorted(set(versions), reverse=True)
