"""The lag from an event to its line in the archive: the median and the worst lag of a day."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainctl.plan import throughput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.plan.cycle import Cycle
    from drainctl.plan.flow import Turn
    from drainctl.plan.parameters import Parameters

_STEPS: Final = 50


def median_lag(cycle: Cycle) -> float:
    """Return the median lag, in seconds."""
    pieces = [piece for turn in cycle.turns for piece in _pieces(cycle, turn)]
    return _quantile(pieces, 0.5)


def worst_lag(cycle: Cycle) -> float:
    """Return an upper bound of the lag on a day without failures, including cold starts."""
    if not cycle.gap:
        worst = max(piece.high for piece in _pieces(cycle, cycle.turns[-1]))
    else:
        waited = cycle.longest_gap + cycle.behind + cycle.flow.start
        worst = waited + _written(cycle, waited) + throughput.cold_seconds(cycle.flow.parameters)
    return max(worst, _of_unread(cycle)) if cycle.may_reach_window else worst


@dataclass(frozen=True, slots=True)
class _Piece:
    """Events whose lags are uniformly distributed.

    Attributes:
        weight: The number of events, relative to other pieces.
        low: The smallest lag, in seconds.
        high: The greatest lag, in seconds.
    """

    weight: float
    low: float
    high: float

    def below(self, lag: float) -> float:
        """Return the weight of the events whose lag is at most ``lag``."""
        if lag >= self.high:
            return self.weight
        if lag <= self.low:
            return 0.0
        return self.weight * (lag - self.low) / (self.high - self.low)


def _pieces(cycle: Cycle, turn: Turn) -> list[_Piece]:
    """Return the events of an interval: waiting events and live events."""
    parameters = cycle.flow.parameters
    rate = cycle.flow.per_second
    write = throughput.write_seconds(cycle.flow.latencies)
    cpu = throughput.cpu_per_event(parameters.events_per_message) / parameters.share
    linger = min(parameters.linger, parameters.max_in_flight / rate * cycle.flow.readers)
    batch = min(parameters.max_in_flight, 1 + rate / cycle.flow.readers * linger)
    live = _Piece(
        rate * max(0.0, parameters.interval - turn.gap - turn.catching_up),
        write + (linger if batch < 2 else 0.0),  # noqa: PLR2004 - one event per batch
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
    """Return the seconds from delivery to archive for an event that has waited."""
    parameters = cycle.flow.parameters
    whole = parameters.max_in_flight
    is_filled = cycle.flow.per_second * waited >= whole * parameters.concurrent_runs
    computed = throughput.cpu_per_event(parameters.events_per_message) / parameters.share
    return throughput.write_seconds(cycle.flow.latencies) + (
        whole * computed if is_filled else _linger(parameters, waited)
    )


def _linger(parameters: Parameters, waited: float) -> float:
    """Return how long an event that has waited at the server waits for others."""
    return parameters.linger if waited <= parameters.linger else parameters.short_linger


def _of_unread(cycle: Cycle) -> float:
    """Return the lag of events that a run leaves unread at the end of its window.

    The server sends them again after the ack time-out. If the next run has ended by then, they wait
    for the next start. If the run was behind, they were already old.
    """
    parameters = cycle.flow.parameters
    written = cycle.flow.commit_seconds + parameters.short_linger
    if not cycle.gap:
        return parameters.ack_timeout + written
    interval = parameters.interval
    read_for = interval - cycle.longest_gap
    first_end = float(parameters.window)
    waited = cycle.behind + cycle.longest_gap + cycle.flow.start
    age = waited - first_end * (cycle.flow.capacity / cycle.flow.per_second - 1)
    again = first_end + parameters.ack_timeout
    if again % interval > read_for:  # no run may be reading: they wait for the next start
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
