"""docs/parameters.md lists every parameter, its default, and the effect of a change."""

from __future__ import annotations

import re
from typing import Final

from eventdrain.events import max_events_per_message
from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import ExpandedTemplate, other_values, written_template
from tests.packaging.identities import Identity, identities
from tests.packaging.releases import KEPT

PAGE: Final = (PROJECT_FOLDER / "docs" / "parameters.md").read_text()
_ROW: Final = re.compile(r"^\| `(\w+)` \| (?:`([^`]*)` )?\| (\w+) \|", re.MULTILINE)
HOLDING: Final = KEPT | {"AWS::KMS::Key", "AWS::SNS::Topic"}
"""Types of resources that are stateful or referred to by name."""


def test_parameters_are_the_templates() -> None:
    """The table has each of the template's parameters with its default, once and in its order."""
    declared = [
        (name, str(parameter["Default"]))
        for name, parameter in written_template()["Parameters"].items()
    ]
    assert [(name, default) for name, default, _ in _ROW.findall(PAGE)] == declared


def test_changes_are_the_templates() -> None:
    """The table has the effect of a change in the templates: *kept*, *adds* or *replaces*."""
    before = dict(identities(ExpandedTemplate(), HOLDING))
    parameters = written_template()["Parameters"]
    for name, _, change in _ROW.findall(PAGE):
        values = other_values(name)
        if "AllowedValues" not in parameters[name] and name != "EventTypes":
            values.append("1" if parameters[name]["Type"] == "Number" else "other")
        effects = {
            effect(before, dict(identities(ExpandedTemplate(**{name: value}), HOLDING)))
            for value in values
        }
        expected = next(each for each in ("replaces", "adds", "kept") if each in effects)
        assert change == expected, name


def test_fifo_queues_get_one_event_a_message() -> None:
    """The template's rule and the page say what ``max_events_per_message`` decides."""
    template = written_template()
    most = max_events_per_message(is_fifo=False)
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `EventsPerMessage`")]
    assert template["Parameters"]["EventsPerMessage"]["MaxValue"] == most
    assert f" 1 to {most}. " in row

    only = str(max_events_per_message(is_fifo=True))
    rule = template["Rules"]["PackedOrFifo"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "FifoQueue"}, "true"]}
    [assertion] = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "EventsPerMessage"}, only]}
    assert (" Not with a FIFO queue " in row) is (only == "1")


def effect(before: dict[str, Identity], after: dict[str, Identity]) -> str:
    """Return the effect of a change on stateful resources."""
    if any(before[name] != after[name] for name in before.keys() & after.keys()):
        return "replaces"
    return "kept" if before.keys() == after.keys() else "adds"
