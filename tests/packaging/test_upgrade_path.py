"""What an upgrade from the oldest release keeps, where the embedded AWS differs from AWS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.events import STREAMS
from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import ExpandedTemplate, written_template
from tests.packaging.identities import identities
from tests.packaging.releases import KEPT, OLDEST_RELEASE, unpack_release

if TYPE_CHECKING:
    from pathlib import Path

KEY: Final = "arn:aws:kms:eu-north-1:000000000000:key/00000000-0000-0000-0000-000000000000"
ALL: Final = ",".join(STREAMS)
CHOICES: Final[tuple[dict[str, str], ...]] = (
    {},
    {"EventTypes": ALL, "QueuePerStream": "true"},
    {"EventTypes": ALL, "QueuePerStream": "true", "FifoQueue": "true"},
    {"KmsKeyArn": KEY, "RetentionDays": "30", "Architecture": "x86_64", "DatabaseName": "other"},
)
"""Parameters of the old release that affect which resources exist and their names."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the oldest release's templates."""
    return unpack_release(OLDEST_RELEASE, tmp_path_factory.mktemp("release"))


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: ",".join(choice) or "defaults")
def test_what_holds_something_stays(release: Path, choice: dict[str, str]) -> None:
    """Stateful resources keep their logical ids, and no change replaces them."""
    old = dict(identities(ExpandedTemplate(release, **choice)))
    new = dict(identities(ExpandedTemplate(**choice)))

    assert {identity.type for identity in old.values()} == KEPT
    for name, identity in old.items():
        assert name in new, name
        assert new[name][:2] == identity[:2], name
        assert new[name].outlives_stack >= identity.outlives_stack, name
        assert new[name].outlives_replacement >= identity.outlives_replacement, name


def test_parameters_can_be_kept(release: Path) -> None:
    """Every parameter of the release still exists, and allows every value that it allowed."""
    old, new = (written_template(project)["Parameters"] for project in (release, PROJECT_FOLDER))

    for name, parameter in old.items():
        assert name in new, name
        assert new[name]["Type"] == parameter["Type"], name
        assert new[name].get("AllowedPattern") == parameter.get("AllowedPattern"), name
        assert not _narrowed(parameter, new[name]), name


def test_other_defaults_are_documented(release: Path) -> None:
    """The runbook describes the effect of each new parameter and default on an upgrade."""
    old, new = (written_template(project)["Parameters"] for project in (release, PROJECT_FOLDER))
    differ = {
        name
        for name, parameter in new.items()
        if name not in old or old[name]["Default"] != parameter["Default"]
    }
    runbook = (PROJECT_FOLDER / "docs" / "operations.md").read_text()
    section = runbook.partition(f"### From {OLDEST_RELEASE}")[2].partition("\n#")[0]

    names = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]+", section, re.MULTILINE)))

    assert set(names) == differ


def test_outputs_stay(release: Path) -> None:
    """Every output of the release still exists."""
    old, new = (written_template(project)["Outputs"] for project in (release, PROJECT_FOLDER))

    assert old.keys() <= new.keys()


def _narrowed(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether the new limits exclude a value that the old ones allowed."""
    values = new.get("AllowedValues")
    if values is not None and not set(values) >= set(old.get("AllowedValues", values)):
        return True
    return any(
        bound in new and (bound not in old or sign * new[bound] > sign * old[bound])
        for bound, sign in (("MinValue", 1), ("MaxValue", -1))
    )
