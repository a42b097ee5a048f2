"""The rows of the fault table as pytest parameters, named by fault and moment."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _pytest.mark import ParameterSet


def cases(
    everywhere: Mapping[str, object], once: Mapping[str, object], moments: Mapping[str, int]
) -> list[ParameterSet]:
    """Pair faults with the moments at which they strike.

    Args:
        everywhere: Faults, by name, that strike at each moment in turn: one of each kind.
        once: More of the same kinds; each strikes at one moment, the next one at the next.
        moments: By name, how many occasions a fault lets pass first.
    """
    pairs = [(fault, moment) for fault in everywhere.items() for moment in moments.items()]
    pairs += zip(once.items(), cycle(moments.items()), strict=False)
    return [
        pytest.param(fault, skip, id=f"{name}-{moment}") for (name, fault), (moment, skip) in pairs
    ]
