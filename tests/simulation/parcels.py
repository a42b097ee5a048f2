"""What travels through the simulation: events that came at one moment, and when they come.

A parcel is one event where there are few, and many where there are too many to look at each. The
engine's own rules count parcels then, with their limits divided by the size of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence


@dataclass(slots=True, eq=False)
class Parcel:
    """Some events.

    Attributes:
        came_at: When they happened, in seconds.
        phase: In which phase.
        delivered_at: When the server sent them last.
        is_redelivered: Whether they were sent before.
    """

    came_at: float
    phase: str
    delivered_at: float = 0.0
    is_redelivered: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """A time with one rate.

    Attributes:
        name: Distinct.
        per_second: Events per second, at random.
        seconds: How long it lasts.
    """

    name: str
    per_second: float
    seconds: float


def parcels(phases: Sequence[Phase], size: int, chance: random.Random) -> Iterator[Parcel]:
    """Make up when parcels come: a Poisson process in each phase."""
    begins = 0.0
    for phase in phases:
        at = begins
        begins += phase.seconds
        while True:
            at += chance.expovariate(phase.per_second / size)
            if at >= begins:
                break
            yield Parcel(at, phase.name)
