"""What the simulation counts: usage and lags by phase."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from drainctl.plan.bill import Usage


@dataclass(slots=True)
class Reconciliation:
    """The books.

    Attributes:
        came: Events that happened, by phase.
        archived: Events that are in the archive, by the phase in which they happened.
        phase: The phase that it is.
        usage: Runs by the phase in which they started, writes by the phase in which they were.
        lags: Seconds from an event to the archive, of each parcel, by the event's phase.
        ends: Runs, by why they ended.
        backlog: When the schedule fired, and how many events were not in the archive then.
    """

    came: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    archived: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    phase: str = ""
    usage: defaultdict[str, Usage] = field(default_factory=lambda: defaultdict(Usage))
    lags: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ends: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    backlog: list[tuple[float, int]] = field(default_factory=list)

    @property
    def not_archived(self) -> int:
        """Events that happened and are not in the archive."""
        return sum(self.came.values()) - sum(self.archived.values())

    def add(self, phase: str, usage: Usage) -> None:
        """Count what was used."""
        self.usage[phase] += usage

    def lag(self, phase: str, part: float) -> float:
        """Give the lag that this part of a phase's events didn't exceed."""
        lags = sorted(self.lags[phase])
        return lags[min(len(lags) - 1, int(part * len(lags)))]
