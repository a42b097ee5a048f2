"""Made-up handset changes: who moved to which handset.

IMEIs are of the test range 00100100 and up. A subscription's next event starts with the handset
that its last one ended with.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeAlias

from simulator.event_server.made_up import luhn_digit
from tests.archive.facts import HandsetChange

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from tests.archive.subscribers import Subscriber

_Handset: TypeAlias = tuple[str, str]
"""IMEI and software version."""

_MODELS: Final = [f"001001{model:02d}" for model in range(40)]
_POPULARITY: Final = list(accumulate(1 / (rank + 3) for rank in range(len(_MODELS))))
_TAC_LENGTH: Final = 8
_FIRST_KNOWN: Final = 0.05
_SOFTWARE_UPDATE: Final = 0.40
_SAME_MODEL: Final = 0.10
_EVENTS_PER_RESTLESS_SIM: Final = 200
_MOST_RESTLESS_SIMS: Final = 5
_FEWEST_MOVES: Final = 5
_MOST_MOVES: Final = 12


class HandsetChanges:
    """Makes up the handset changes of one day after the other.

    Args:
        subscribers: Whom they may be of.
        chance: Decides.
    """

    def __init__(self, subscribers: Sequence[Subscriber], chance: random.Random) -> None:
        self._subscribers = subscribers
        self._chance = chance
        self._handsets: dict[int, _Handset] = {}

    def day(self, count: int) -> Iterator[tuple[Subscriber, HandsetChange]]:
        """Make up the changes of a day, in their order. A few SIMs move often on it."""
        chance = self._chance
        movers = [int(chance.random() * len(self._subscribers)) for _ in range(count)]
        wardrobes: dict[int, list[_Handset]] = {}
        for _ in range(min(_MOST_RESTLESS_SIMS, count // _EVENTS_PER_RESTLESS_SIM)):
            restless = chance.randrange(len(self._subscribers))
            wardrobes[restless] = [self._handset() for _ in range(chance.randint(2, 4))]
            for index in chance.sample(range(count), chance.randint(_FEWEST_MOVES, _MOST_MOVES)):
                movers[index] = restless
        for mover in movers:
            before = self._handsets.get(mover) or self._handset()
            previous: tuple[str | None, str | None] = before
            if mover in wardrobes:
                others = [each for each in wardrobes[mover] if each[0] != before[0]]
                current = chance.choice(others)
            elif (draw := chance.random()) < _FIRST_KNOWN:
                previous, current = (None, None), before
            else:
                current = self._after(before, draw - _FIRST_KNOWN)
            self._handsets[mover] = current
            subscriber = self._subscribers[mover]
            yield (
                subscriber,
                HandsetChange(*previous, *current, subscriber.imsi, subscriber.number),
            )

    def _after(self, before: _Handset, draw: float) -> _Handset:
        imei, version = before
        if draw < _SOFTWARE_UPDATE:
            return imei, f"{(int(version) + 1) % 100:02d}"
        model = imei[:_TAC_LENGTH]
        while True:
            other = self._handset(model if draw < _SOFTWARE_UPDATE + _SAME_MODEL else None)
            if other[0] != imei:
                return other

    def _handset(self, model: str | None = None) -> _Handset:
        chance = self._chance
        model = model or chance.choices(_MODELS, cum_weights=_POPULARITY)[0]
        body = f"{model}{int(chance.random() * 1_000_000):06d}"
        return body + luhn_digit(body), f"{int(chance.random() * 100):02d}"
