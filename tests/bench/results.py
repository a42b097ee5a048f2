"""What the bench finds: figures, and what they are held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.imports import Import
    from tests.bench.modes import Mode


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is held against."""

    bound: float
    is_most: bool

    def is_met(self, value: float) -> bool:
        """Tell whether a figure keeps to it."""
        return value <= self.bound if self.is_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.is_most else 'at least'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the result.

    Attributes:
        name: What was measured.
        value: The figure.
        unit: Of the figure; empty for a ratio.
        target: None where it is only told.
    """

    name: str
    value: float
    unit: str = ""
    target: Target | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is; None where there is none."""
        return None if self.target is None else self.target.is_met(self.value)


@dataclass(slots=True)
class Results:
    """All that one bench has found.

    Attributes:
        measures: In the order of the table.
        floor_modes: CPU microseconds per event in each mode of the floor.
        imports: The handler's dear ones.
    """

    measures: list[Measure] = field(default_factory=list)
    floor_modes: dict[Mode, float] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
