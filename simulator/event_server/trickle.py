"""Made-up events, published at a steady rate."""

from __future__ import annotations

import itertools
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

from simulator.event_server.made_up import made_up_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.event_server.event import Event
    from simulator.event_server.server import EventServer

_EVENTS_PER_SEED: Final = 10_000


class Trickle:
    """Publishes events of several streams in turn; their rate counts from its making.

    Args:
        server: Where.
        event_types: The streams.
        rate: Events per second, of all streams together.
    """

    def __init__(self, server: EventServer, event_types: Sequence[str], rate: float) -> None:
        self._server = server
        self._rate = rate
        self._started_at = monotonic()
        self._published = 0
        self._turns = itertools.cycle(
            [_endless_events(name, rate / len(event_types)) for name in event_types if rate]
        )

    def publish_due(self) -> None:
        """Publish the events whose time has come."""
        due = int((monotonic() - self._started_at) * self._rate) - self._published
        if due:
            self._server.publish([next(next(self._turns)) for _ in range(due)])
            self._published += due


def _endless_events(event_type: str, rate: float) -> Iterator[Event]:
    """Make up events whose timestamps are close to their publication."""
    for seed in itertools.count(1):
        yield from made_up_events(
            event_type, _EVENTS_PER_SEED, seed, interval=timedelta(seconds=1 / rate)
        )
