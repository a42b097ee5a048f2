"""Writes what docs/scale.md has from the calculator: ``python -m drainctl.plan.document``.

Each part stands between a comment that names it and one that ends it; a test holds them equal.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drainctl.plan.always_on import EC2, FARGATE
from drainctl.plan.chart import draw
from drainctl.plan.crossover import crossover
from drainctl.plan.demand import DAY
from drainctl.plan.examples import lags_table, rates_table

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "scale.md"
CHART: Final = DOCUMENT.with_name("scale-cost.png")
TABLES: Final[dict[str, Callable[[], str]]] = {"rates": rates_table, "lags": lags_table}


def part(text: str, name: str) -> str:
    """Give a part of the document.

    Raises:
        ValueError: It has no such part.
    """
    found = _between(name).search(text)
    if found is None:
        raise ValueError(f"docs/scale.md has no part {name}")
    return found[2]


def with_part(text: str, name: str, content: str) -> str:
    """Give the document with another content of a part."""
    part(text, name)
    return _between(name).sub(lambda found: found[1] + content + found[3], text)


def main() -> None:
    """Write all parts, and the chart."""
    text = DOCUMENT.read_text()
    for name, table in TABLES.items():
        text = with_part(text, name, table())
    text = with_part(text, "crossover", _crossovers())
    DOCUMENT.write_text(text)
    draw(CHART)


def _crossovers() -> str:
    lines = []
    for name, hosts in (("Fargate", FARGATE), ("EC2", EC2)):
        rate = crossover(hosts, max_lag=330.0)
        told = "at no rate" if rate is None else f"from {_rounded(rate / DAY):,} events a second on"
        lines.append(f"- {name}: {told}\n")
    return "".join(lines)


def _rounded(rate: float) -> int:
    """Round to two digits."""
    return int(float(f"{rate:.2g}"))


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


if __name__ == "__main__":
    main()
