"""When a run that has caught up ends as idle: at the first long enough pause of a Poisson process.

The first pause of ``quiet`` seconds has passed after (e^(rate * quiet) - 1) / rate seconds on
average. With the probability e^(-rate * quiet) it is the first pause of all; otherwise the time
beyond ``quiet`` is about exponentially distributed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_NEVER: Final = 50.0
"""Expected events in a pause above which the pause never comes: e^50 seconds are forever."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses of events that one run sees.

    Attributes:
        per_second: Events per second.
        quiet: How long a pause must be to end the run, in seconds.
        most: How long the run can wait for it, in seconds.
    """

    per_second: float
    quiet: float
    most: float

    @property
    def mean(self) -> float:
        """The mean time until the run ends."""
        if self.most <= self.quiet or math.isinf(beyond := self._mean_beyond):
            return max(0.0, self.most)
        cut_off = -math.expm1(-(self.most - self.quiet) / beyond)
        return self.quiet + self._chance_beyond * beyond * cut_off

    def soonest(self, runs: float) -> float:
        """Return when the first of so many runs ends."""
        if self.most <= self.quiet:
            return max(0.0, self.most)
        return min(self.most, self.quiet + self._mean_beyond / runs)

    def may_never_come(self, runs: float) -> bool:
        """Return whether one of so many runs lasts as long as it can."""
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
