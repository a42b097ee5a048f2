"""The runbook is complete: every parameter, and what changing it on a live stack does."""

from __future__ import annotations

import re
from typing import Final

from simulator.aws.embedded_aws import PROJECT_FOLDER
from tests.packaging.deployed_resources import other_values
from tests.packaging.expanded_template import ExpandedTemplate, written_template
from tests.packaging.identities import Identity, identities
from tests.packaging.releases import KEPT

RUNBOOK: Final = (PROJECT_FOLDER / "docs" / "operations.md").read_text()
HOLDING: Final = KEPT | {"AWS::KMS::Key", "AWS::SNS::Topic"}
"""Types of resources that hold something, or that others know by name."""


def test_every_parameter_is_told() -> None:
    """The table has each of the template's parameters, once and in its order."""
    assert list(table()) == list(written_template()["Parameters"])


def test_what_a_change_replaces_is_told() -> None:
    """The table says *kept*, *adds* or *replaces* as the templates have it for any other value."""
    before = dict(identities(ExpandedTemplate(), HOLDING))
    parameters = written_template()["Parameters"]
    for name, told in table().items():
        values = other_values(name)
        if "AllowedValues" not in parameters[name] and name != "EventTypes":
            values.append("1" if parameters[name]["Type"] == "Number" else "other")
        effects = {
            effect(before, dict(identities(ExpandedTemplate(**{name: value}), HOLDING)))
            for value in values
        }
        expected = next(each for each in ("replaces", "adds", "kept") if each in effects)
        assert told == expected, name


def table() -> dict[str, str]:
    """Give what the runbook's table says of each parameter."""
    section = RUNBOOK.partition("## Parameters of a live stack")[2].partition("\n## ")[0]
    rows: list[tuple[str, str]] = re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a parameter has two rows"
    return dict(rows)


def effect(before: dict[str, Identity], after: dict[str, Identity]) -> str:
    """Say what happens to what holds something."""
    if any(before[name] != after[name] for name in before.keys() & after.keys()):
        return "replaces"
    return "kept" if before.keys() == after.keys() else "adds"
