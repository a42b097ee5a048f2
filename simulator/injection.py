"""Decides which fault strikes when, at the servers of the local stack.

A fault is a value that its server defines (``StreamFault``, ``AckFault``, ...). This module decides
how often it strikes, and counts that.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeVar

FaultT = TypeVar("FaultT")


@dataclass
class _Injection:
    fault: Any
    times_left: int | None
    probability: float
    event_type: str | None
    skip: int


class Faults:
    """The active faults. May be changed from any thread while a server runs.

    Args:
        seed: Of the random numbers for faults with a probability.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - faults, not secrets
        self._injections: list[_Injection] = []
        self._struck: Counter[Any] = Counter()

    def inject(
        self,
        fault: object,
        *,
        times: int | None = None,
        probability: float = 1.0,
        event_type: str | None = None,
        skip: int = 0,
    ) -> None:
        """Activate a fault.

        Args:
            fault: A hashable value that a server knows.
            times: How often it strikes; None for always.
            probability: The probability that it strikes on an occasion.
            event_type: The stream whose calls it strikes; None for all.
            skip: How many occasions to skip first.
        """
        with self._lock:
            self._injections.append(_Injection(fault, times, probability, event_type, skip))

    def clear(self) -> None:
        """Deactivate all faults; the counts remain."""
        with self._lock:
            self._injections.clear()

    def draw(self, kind: type[FaultT], event_type: str | None = None) -> tuple[FaultT, ...]:
        """Return the faults of a kind that strike on this occasion, and count them."""
        if not self._injections:  # the fast path: called once for each delivery and ack
            return ()
        with self._lock:
            drawn: list[FaultT] = []
            for injection in self._injections:
                if isinstance(injection.fault, kind) and self._strikes(injection, event_type):
                    drawn.append(injection.fault)
                    self._struck[injection.fault] += 1
            return tuple(drawn)

    def struck(self, fault: object) -> int:
        """Return how often a fault has struck."""
        with self._lock:
            return self._struck[fault]

    def _strikes(self, injection: _Injection, event_type: str | None) -> bool:
        if injection.event_type not in (None, event_type) or injection.times_left == 0:
            return False
        if injection.skip:
            injection.skip -= 1
            return False
        if injection.probability < 1 and self._random.random() >= injection.probability:
            return False
        if injection.times_left is not None:
            injection.times_left -= 1
        return True
