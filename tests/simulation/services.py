"""S3 and Lambda as far as they limit: latencies are the run's, quotas are here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from drainctl.plan import rules

if TYPE_CHECKING:
    import simpy

_KEPT_WARM_SECONDS: Final = 600.0
"""How long an unused environment stays: assumed, Lambda doesn't say."""


@dataclass(slots=True)
class _Second:
    """The calls of the last second."""

    calls: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def add(self, now: float, more: int) -> int:
        """Add calls, and give how many there were within a second."""
        self.calls.append((now, more))
        self.total += more
        while self.calls[0][0] < now - 1:
            self.total -= self.calls.popleft()[1]
        return self.total


@dataclass(slots=True)
class Quotas:
    """What is used of the services at once: each keeps the most there ever was.

    Attributes:
        env: The simulation.
        running: Runs now.
        most_running: The most of them.
        throttled: Starts that Lambda refused.
        most_puts: The most PutObject calls within a second, to one prefix.
        most_sqs_calls: The most SendMessageBatch calls within a second.
    """

    env: simpy.Environment
    running: int = 0
    most_running: int = 0
    throttled: int = 0
    most_puts: int = 0
    most_sqs_calls: int = 0
    _warm: list[float] = field(default_factory=list)
    _puts: _Second = field(default_factory=_Second)
    _calls: _Second = field(default_factory=_Second)

    def start(self) -> bool | None:
        """Start a run.

        Returns:
            Whether it starts warm; None if it can't start.
        """
        if self.running >= rules.LAMBDA_CONCURRENCY:
            self.throttled += 1
            return None
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self._warm = [at for at in self._warm if self.env.now - at <= _KEPT_WARM_SECONDS]
        if not self._warm:
            return False
        self._warm.pop()
        return True

    def end(self) -> None:
        """End a run: its environment stays for the next."""
        self.running -= 1
        self._warm.append(self.env.now)

    def put(self, objects: int) -> None:
        """Count PutObject calls."""
        self.most_puts = max(self.most_puts, self._puts.add(self.env.now, objects))

    def send(self, calls: int) -> None:
        """Count SendMessageBatch calls."""
        self.most_sqs_calls = max(self.most_sqs_calls, self._calls.add(self.env.now, calls))
