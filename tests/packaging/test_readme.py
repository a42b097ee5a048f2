"""README says what the template is: its parameters can't change without it."""

from __future__ import annotations

import re
from typing import Final

from simulator.aws.embedded_aws import PROJECT_FOLDER
from tests.packaging.expanded_template import written_template

_README: Final = (PROJECT_FOLDER / "README.md").read_text()
_ROW: Final = re.compile(r"^\| `(\w+)` \| (?:`([^`]*)`)? ?\|", re.MULTILINE)


def test_parameter_table_is_the_templates() -> None:
    """The table has every parameter of the template with its default, and no other."""
    section = _README.partition("### Parameters")[2].partition("\n## ")[0]
    declared = {
        name: str(parameter["Default"])
        for name, parameter in written_template()["Parameters"].items()
    }
    assert dict(_ROW.findall(section)) == declared


def test_named_files_and_targets_exist() -> None:
    """What README links to or tells to run is there."""
    makefile = (PROJECT_FOLDER / "Makefile").read_text()
    for link in re.findall(r"\]\(([\w./-]+)\)", _README):
        assert (PROJECT_FOLDER / link).exists(), link
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", _README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
