"""docs/scale.md says what the calculator says."""

from __future__ import annotations

import re

import pytest

from devtools.scale_page import DOCUMENT, TABLES, is_dearer, part
from drainctl.plan import DAY, EC2, FARGATE, Host


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_calculators(name: str) -> None:
    """Each table is what ``python -m devtools.scale_page`` would write."""
    assert part(DOCUMENT.read_text(), name) == TABLES[name]()


@pytest.mark.parametrize(("name", "hosts"), [("Fargate", FARGATE), ("EC2", EC2)])
def test_crossovers_are_the_calculators(name: str, hosts: tuple[Host, ...]) -> None:
    """Below the rate that is told, runs are cheaper, and above it what is always on is."""
    text = part(DOCUMENT.read_text(), "crossover")
    found = re.search(rf"{name}: from ([\d,]+) events a second", text)
    assert found
    rate = int(found[1].replace(",", "")) * DAY
    assert not is_dearer(rate * 0.75, hosts, 330.0)
    assert is_dearer(rate * 1.3, hosts, 330.0)
