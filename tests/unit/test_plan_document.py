"""docs/scale.md agrees with the calculator."""

from __future__ import annotations

import re

import pytest

from devtools.scale_page import DOCUMENT, TABLES, is_dearer, part
from drainctl.plan import DAY, EC2, FARGATE, Host


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_calculators(name: str) -> None:
    """Each table is the output of ``python -m devtools.scale_page``."""
    assert part(DOCUMENT.read_text(), name) == TABLES[name]()


@pytest.mark.parametrize(("name", "hosts"), [("Fargate", FARGATE), ("EC2", EC2)])
def test_crossovers_are_the_calculators(name: str, hosts: tuple[Host, ...]) -> None:
    """Below the documented rate runs are cheaper, above it always-on hosts."""
    text = part(DOCUMENT.read_text(), "crossover")
    found = re.search(rf"{name}: from ([\d,]+) events a second", text)
    assert found
    rate = int(found[1].replace(",", "")) * DAY
    assert not is_dearer(rate * 0.75, hosts, 330.0)
    assert is_dearer(rate * 1.3, hosts, 330.0)
