"""The cost of the handler's imports, from ``python -X importtime``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DEAR_MILLISECONDS: Final = 50
_OURS: Final = re.compile(r"(app|eventdrain|wgtwo)(\.|$)")
_LINE: Final = re.compile(r"import time: +(\d+) \| +(\d+) \| ( *)(\S+)$")
_INDENT: Final = 2


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a module, in milliseconds.

    Attributes:
        name: The module.
        depth: The number of imports around it.
        own: The time of the module itself.
        cumulative: The same with everything that it imports.
    """

    name: str
    depth: int
    own: float
    cumulative: float


def dear_imports(importtime: str) -> list[Import]:
    """Return the third-party imports that cost more than 50 ms, most expensive first.

    Imports within a returned one are left out: its time includes theirs.

    Args:
        importtime: The interpreter's output.
    """
    named: list[Import] = []
    hidden_below: int | None = None
    # The interpreter prints an import when it has ended: after the imports within it.
    for each in reversed(list(_imports(importtime))):
        if hidden_below is not None and each.depth > hidden_below:
            continue
        hidden_below = None
        if not _OURS.match(each.name) and each.cumulative > DEAR_MILLISECONDS:
            named.append(each)
            hidden_below = each.depth
    return sorted(named, key=lambda each: each.cumulative, reverse=True)


def _imports(importtime: str) -> Iterator[Import]:
    for line in importtime.splitlines():
        if match := _LINE.match(line):
            own, cumulative, indent, name = match.groups()
            yield Import(name, len(indent) // _INDENT, int(own) / 1000, int(cumulative) / 1000)
