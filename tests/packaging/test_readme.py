"""README names files and commands that exist."""

from __future__ import annotations

import re
from typing import Final

from simulator.aws import PROJECT_FOLDER

_README: Final = (PROJECT_FOLDER / "README.md").read_text()


def test_named_files_and_targets_exist() -> None:
    """What README links to or tells to run is there."""
    makefile = (PROJECT_FOLDER / "Makefile").read_text()
    for link in re.findall(r"\]\(([\w./-]+)\)", _README):
        assert (PROJECT_FOLDER / link).exists(), link
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", _README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
