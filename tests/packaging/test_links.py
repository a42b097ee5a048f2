"""Links in the documents lead to existing files and sections."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS: Final = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "examples/*.md")
    for path in PROJECT_FOLDER.glob(pattern)
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every link within the project leads to an existing file and heading."""
    for target, anchor in re.findall(
        r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", document.read_text()
    ):
        linked = (document.parent / target).resolve() if target else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_named_targets_exist() -> None:
    """Every make target that README names exists."""
    makefile, readme = ((PROJECT_FOLDER / name).read_text() for name in ("Makefile", "README.md"))
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_picture_of_a_run_loads_nothing() -> None:
    """docs/run.svg shows a run that reconciled, and has no font or style of the network."""
    picture = (PROJECT_FOLDER / "docs" / "run.svg").read_text()

    assert "Reconciled:&#160;the&#160;same&#160;events" in picture
    assert re.findall(r"url\((?!#)|@import|@font-face", picture) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_named_tests_exist(document: Path) -> None:
    """Every test that a page names exists."""
    named = set(re.findall(r"`[^`\s]*?(test_\w+)(?:\.py)?(?:::(test_\w+))?`", document.read_text()))

    assert {name for names in named for name in names if name} <= all_tests()


@cache
def all_tests() -> frozenset[str]:
    """Return the names of all tests, and of their modules."""
    modules = list((PROJECT_FOLDER / "tests").rglob("test_*.py"))
    functions = re.findall(r"def (test_\w+)\(", "".join(module.read_text() for module in modules))
    return frozenset([*functions, *(module.stem for module in modules)])


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}
