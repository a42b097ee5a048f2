"""How long after an event its line is in the archive: the median, and the worst of a day."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainctl.plan import throughput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.plan.cycle import Cycle
    from drainctl.plan.flow import Turn

_STEPS: Final = 50


def median_lag(cycle: Cycle) -> float:
    """Give the seconds from an event to its line in the archive that half of the events need."""
    pieces = [piece for turn in cycle.turns for piece in _pieces(cycle, turn)]
    return _quantile(pieces, 0.5)


def worst_lag(cycle: Cycle) -> float:
    """Give those that no event exceeds on a day on which nothing fails; a cold start may be."""
    if not cycle.gap:
        worst = max(piece.high for piece in _pieces(cycle, cycle.turns[-1]))
    else:
        waited = cycle.longest_gap + cycle.behind + cycle.flow.start
        worst = waited + _written(cycle, waited) + throughput.cold_seconds(cycle.flow.parameters)
    return max(worst, _of_unread(cycle)) if cycle.may_reach_window else worst


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some of the events, spread evenly between two lags.

    Attributes:
        weight: How many; weights are relative.
        low: The least lag.
        high: The greatest.
    """

    weight: float
    low: float
    high: float

    def below(self, lag: float) -> float:
        """Give the weight of what has at most this lag."""
        if lag >= self.high:
            return self.weight
        if lag <= self.low:
            return 0.0
        return self.weight * (lag - self.low) / (self.high - self.low)


def _pieces(cycle: Cycle, turn: Turn) -> list[_Piece]:
    """Give the events of an interval: those that are caught up with, and those that come live."""
    parameters = cycle.flow.parameters
    rate = cycle.flow.per_second
    write = throughput.write_seconds(cycle.flow.latencies)
    cpu = throughput.cpu_per_event(parameters.events_per_message) / parameters.share
    linger = min(parameters.linger, parameters.batch / rate * cycle.flow.readers)
    batch = min(parameters.batch, 1 + rate / cycle.flow.readers * linger)
    live = _Piece(
        rate * max(0.0, parameters.interval - turn.gap - turn.catching_up),
        write + (linger if batch < 2 else 0.0),  # noqa: PLR2004 - alone in its batch
        write + linger + cpu * batch,
    )
    if not (turn.gap or turn.behind):
        return [live]
    waited = turn.behind + turn.gap + cycle.flow.start
    written = _written(cycle, waited)
    backlog = _Piece(
        rate * (waited - turn.behind_after + turn.catching_up),
        turn.behind_after + written,
        waited + written,
    )
    return [backlog, live]


def _written(cycle: Cycle, waited: float) -> float:
    """Give how long an event of a backlog takes from its delivery to the archive."""
    parameters = cycle.flow.parameters
    is_filled = cycle.flow.per_second * waited >= parameters.batch * parameters.pullers
    computed = throughput.cpu_per_event(parameters.events_per_message) / parameters.share
    return throughput.write_seconds(cycle.flow.latencies) + (
        parameters.batch * computed if is_filled else parameters.linger
    )


def _of_unread(cycle: Cycle) -> float:
    """Give the lag of what a run leaves unread at its window's end: up to what may be in flight.

    It is sent again after the ack time-out. Where nobody may read then, for the next run ended
    early, it waits for the next start; and where that run was behind, it was old already.
    """
    parameters = cycle.flow.parameters
    written = cycle.flow.commit_seconds + parameters.linger
    if not cycle.gap:
        return parameters.ack_timeout + written
    interval = parameters.interval
    read_for = interval - cycle.longest_gap
    first_end = float(parameters.window)
    waited = cycle.behind + cycle.longest_gap + cycle.flow.start
    age = waited - first_end * (cycle.flow.capacity / cycle.flow.per_second - 1)
    again = first_end + parameters.ack_timeout
    if again % interval > read_for:  # perhaps nobody reads: it waits for the next start
        again = interval * math.ceil(again / interval)
    elif again < interval:
        again = interval
    return max(0.0, age) + again - first_end + cycle.flow.start + written


def _quantile(pieces: Sequence[_Piece], part: float) -> float:
    wanted = part * sum(piece.weight for piece in pieces)
    low, high = 0.0, max(piece.high for piece in pieces)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if sum(piece.below(middle) for piece in pieces) < wanted:
            low = middle
        else:
            high = middle
    return high
