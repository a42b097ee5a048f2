"""The simulation's models of the services, for the tests that the adapters pass too."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec.structs import replace

from tests.deliveries import delivery_of, message
from tests.simulation.cloud import Cloud
from tests.simulation.faults import Injected
from tests.simulation.schedule import Options, Schedule
from tests.simulation.server import Event, Rules
from tests.simulation.simulate import virtual
from tests.simulation.world import Run, World

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_LONG: Final = 1e6
_QUIET: Final = Schedule(
    seed=1,
    options=Options(),
    credentials="none",
    token_seconds=3600.0,
    rules=Rules(
        requeues_at_once=True, accepts_stale=True, accepts_repeated=True, rejects_by_status=True
    ),
    latency=0.01,
    tick_seconds=60.0,
    ends_at=_LONG,
    retries=0,
    replay=None,
    events=(),
    faults=(),
)


class Simulated:
    """A stack of the simulation in which nothing happens but faults that never end.

    Args:
        faults: Their names in ``FAULTS``.
        changes: Other fields of the schedule.

    Attributes:
        cloud: The services.
        process: The run that calls them.
    """

    def __init__(self, *faults: str, **changes: Any) -> None:
        lasting = tuple(
            Injected(name=name, at=0.0, lasts=_LONG, probability=1.0, draw=0.0) for name in faults
        )
        schedule = replace(_QUIET, faults=lasting, **changes)
        self._world = World(schedule)
        self.cloud = Cloud(self._world)
        self.cloud.plan_faults()
        self.process = Run(self._world, 1, math.inf)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the process; virtual time continues where it was."""
        with virtual():
            return self.process.context.copy().run(self._world.machine.run, work)

    def publish(self, events: int) -> None:
        """Publish the events of ``tests.deliveries`` at the event server."""
        for index in range(events):
            self.cloud.server.publish(
                Event(
                    index, partial(_message, index), delivery_of(index).event_id, 0.0, made_at=0.0
                )
            )

    def blocking(self, port: object) -> Any:
        """Return a port whose methods run in a thread of the process."""
        return _Blocking(self, port)


def _message(index: int, handle: str, is_redelivered: bool) -> bytes:  # noqa: FBT001
    return message(index, ack_info=handle, redelivered=is_redelivered)


class _Blocking:
    def __init__(self, simulated: Simulated, port: object) -> None:
        self._simulated = simulated
        self._port = port

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)

        def call(*args: Any, **options: Any) -> Any:
            return self._simulated.run(asyncio.to_thread(member, *args, **options))

        return call if callable(member) else member
