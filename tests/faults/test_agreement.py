"""The simulation and the real adapters over loopback agree on the same schedules.

Compared after each run:

- the reason for the end of the run;
- which events the server takes as acked, which are in the archive and which in the queue, each as a
  set of the events' numbers; in the end too;
- how many acks the run has counted, and how many deliveries it has taken and left, by reason and by
  the code of the cause;
- how many tokens were minted, and how many could not be cached or renewed;
- how many streams were opened, if the run has ended as idle.

Not compared, because it depends on timing and not on the schedule:

- deliveries that had arrived but were not taken when a run ended, and with them how many were
  received: the server sends further events while the last are acked;
- how often an event was sent, stored or redelivered, how events were divided into batches, and all
  durations;
- streams of a run that failed or reached its limit: it may end just before the next is opened;
- the code of a cause if the window has ended: the last attempt may have had no time for an answer;
- the runs in which everything settles: there may be one more or less.

A stream is cut only where the ack of the event in flight cannot race with the next stream. Faults
that strike by time rather than by a count of calls (freezes, kills, slow or hanging calls,
clocks, ticks, concurrent runs) are left to the simulation and to the other fault tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.agreement import disagreements, draw_scenario

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

_QUICK: Final = (12, 18, 39, 75, 78)
"""They are short, and have many kinds of faults."""
_ALL: Final = 100


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(seed, marks=() if seed in _QUICK else pytest.mark.release)
        for seed in range(_ALL)
    ],
)
def test_the_simulation_agrees_with_the_adapters(cloud: Cloud, seed: int) -> None:
    """Both worlds agree on what was acked, written and left."""
    assert disagreements(cloud, draw_scenario(seed)) == []
