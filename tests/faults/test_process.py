"""Faults of the process: killed, frozen, out of time, concurrent, with a jumping clock."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final, Self

import pytest

from eventdrain.adapters.grpc import source
from eventdrain.auth import tokens
from simulator.event_server import ACK_UNANSWERED, Answer, ServerRules, StreamFault
from tests.faults.http_proxy import PutObjectFault
from tests.faults.processes import DrainProcess, drain_process, let_go
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

_EVENTS: Final = 400
_IN_FLIGHT: Final = 100
_COPIES: Final = 2 * _IN_FLIGHT
"""Maximum of duplicates of one kill: all events in flight, in both sinks."""


def test_kill(scene: Scene) -> None:
    """A process that is killed while it acks a batch loses nothing."""
    scene.publish(_EVENTS)
    scene.faults.inject(ACK_UNANSWERED, skip=310)
    with drain_process(scene, max_in_flight=_IN_FLIGHT) as running:
        while running.process.poll() is None and not scene.faults.struck(ACK_UNANSWERED):
            time.sleep(0.01)
        time.sleep(0.2)  # for the acks that don't hang
        running.signal(signal.SIGKILL)
        assert running.wait() is None
    scene.check(is_settled=False)
    scene.settle(max_in_flight=_IN_FLIGHT)
    evidence = scene.check()
    assert evidence.copies <= _COPIES
    assert evidence.ledger.redeliveries <= _IN_FLIGHT


def test_freeze_for_longer_than_the_ack_time_out(cloud: Cloud) -> None:
    """If a process is frozen while it writes, and another drains meanwhile, nothing is lost."""
    rules = ServerRules(clock_speed=10, stale_acks=Answer.REFUSE)
    ten_seconds = timedelta(seconds=10)
    with Scene(cloud, rules=rules) as scene:
        scene.publish(_EVENTS)
        # Until then nothing can be acked.
        scene.faults.inject(PutObjectFault(delay=timedelta(milliseconds=600)), times=10)
        with drain_process(
            scene, max_in_flight=_IN_FLIGHT, ack_timeout=10.0, window=4.0
        ) as running:
            scene.event_server.wait_until(lambda ledger: ledger.deliveries >= _IN_FLIGHT)
            running.signal(signal.SIGSTOP)
            # Events that it holds are redelivered to this one, some at each ack time-out.
            two_seconds = timedelta(seconds=2)
            scene.drain(
                max_in_flight=_IN_FLIGHT,
                ack_timeout=ten_seconds,
                window=two_seconds,
                idle=two_seconds,  # longer than the ack time-out by the server's clock
            )
            running.signal(signal.SIGCONT)
            report = running.wait()
        assert report is not None
        assert not report.has_failed
        scene.settle(ack_timeout=ten_seconds)
        evidence = scene.check()
        assert evidence.ledger.redeliveries > 0
        assert evidence.copies <= 2 * evidence.ledger.redeliveries


@pytest.mark.parametrize("reading_seconds", [-1, 0.05])
def test_run_with_hardly_any_time(scene: Scene, reading_seconds: float) -> None:
    """A run that begins with little more than its reserve ends in time, and loses nothing."""
    scene.publish(_EVENTS)
    allowed = timedelta(seconds=3 + reading_seconds)
    scene.drain(allowed=allowed, reserve=timedelta(seconds=3))
    scene.settle()
    assert scene.check().copies <= 2 * 200


def test_drains_at_once(scene: Scene) -> None:
    """Concurrent drains share the events: each receives some, and none is written twice."""
    scene.faults.inject(StreamFault(drip=timedelta(milliseconds=5)))
    with ExitStack() as processes:
        running: list[DrainProcess] = [
            processes.enter_context(drain_process(scene, is_held=True, max_in_flight=20, idle=3.0))
            for _ in range(2)
        ]
        let_go(scene, running)
        scene.publish(_EVENTS)
        reports = [process.wait() for process in running]
    assert all(report is not None and report.acked > 0 for report in reports)
    assert sum(report.acked for report in reports if report is not None) == _EVENTS
    assert scene.check().copies == 0
    # Each found no token and minted one; the cached one serves the next run.
    minted = scene.token_server.minted
    scene.drain()
    assert scene.token_server.minted == minted


@pytest.mark.parametrize("hours", [-30, 30], ids=["back", "forth"])
def test_clock_that_jumps(scene: Scene, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """If the wall clock jumps by more than a day during a run, only timestamps change."""
    clock = _jumping_clock(timedelta(hours=hours))
    for module in (source, tokens):
        monkeypatch.setattr(module, "datetime", clock)
    scene.drain()
    scene.publish(_EVENTS)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


def _jumping_clock(jump: timedelta) -> type[datetime]:
    class JumpingClock(datetime):
        """Alternates between the right time and the wrong one."""

        calls = 0

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            cls.calls += 1
            now = super().now(tz)
            return now + jump if cls.calls % 2 == 0 else now

    return JumpingClock
