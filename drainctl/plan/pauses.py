"""The time until a run that has caught up ends as idle.

Events are assumed to arrive as a Poisson process. A run ends at the first pause of ``quiet``
seconds. On average, this pause has passed after (e^(rate * quiet) - 1) / rate seconds. With the
probability e^(-rate * quiet), it is the very first pause. Otherwise, the time beyond ``quiet`` is
about exponentially distributed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_NEVER: Final = 50.0
"""If more events are expected in a pause, the pause is assumed to never come."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses between events that one run sees.

    Attributes:
        per_second: Events per second.
        quiet: The length of the pause that ends the run, in seconds.
        most: The maximum time for which the run waits for it, in seconds.
    """

    per_second: float
    quiet: float
    most: float

    @property
    def mean(self) -> float:
        """The mean time until the run ends, in seconds."""
        if self.most <= self.quiet or math.isinf(beyond := self._mean_beyond):
            return max(0.0, self.most)
        cut_off = -math.expm1(-(self.most - self.quiet) / beyond)
        return self.quiet + self._chance_beyond * beyond * cut_off

    def soonest(self, runs: float) -> float:
        """Return the expected time until the first of the given number of runs ends, in seconds."""
        if self.most <= self.quiet:
            return max(0.0, self.most)
        return min(self.most, self.quiet + self._mean_beyond / runs)

    def may_never_come(self, runs: float) -> bool:
        """Return whether one of the given number of runs may wait for the maximum time."""
        if self.most <= self.quiet:
            return True
        beyond = (self.most - self.quiet) / self._mean_beyond
        return runs * self._chance_beyond * math.exp(-beyond) >= 1

    @property
    def _chance_beyond(self) -> float:
        return -math.expm1(-self.per_second * self.quiet)

    @property
    def _mean_beyond(self) -> float:
        expected = self.per_second * self.quiet
        if expected > _NEVER:
            return math.inf
        return (math.expm1(expected) - expected) / self.per_second / self._chance_beyond
