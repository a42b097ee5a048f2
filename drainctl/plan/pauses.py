"""When a run that has caught up ends as idle: the first long enough pause of a Poisson process.

The first pause of ``quiet`` seconds is over after (e^(rate * quiet) - 1) / rate seconds on average.
With a chance of e^(-rate * quiet) it is the first that there is; otherwise the time beyond
``quiet`` is close to an exponential one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_NEVER: Final = 50.0
"""Events within the pause from which on it never comes: e^50 seconds are for ever."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses of events that one run sees.

    Attributes:
        per_second: Events per second.
        quiet: How long a pause ends the run.
        most: How long the run may wait for it.
    """

    per_second: float
    quiet: float
    most: float

    @property
    def mean(self) -> float:
        """How long the run goes on, on average."""
        if self.most <= self.quiet or math.isinf(beyond := self._mean_beyond):
            return max(0.0, self.most)
        cut_off = -math.expm1(-(self.most - self.quiet) / beyond)
        return self.quiet + self._chance_beyond * beyond * cut_off

    def soonest(self, runs: float) -> float:
        """Tell how soon the first of so many runs ends."""
        if self.most <= self.quiet:
            return max(0.0, self.most)
        return min(self.most, self.quiet + self._mean_beyond / runs)

    def may_never_come(self, runs: float) -> bool:
        """Tell whether one of so many runs goes on for as long as it may."""
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
