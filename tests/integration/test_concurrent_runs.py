"""Concurrent runs share a durable queue; none starves, and any may end at any time."""

from __future__ import annotations

import itertools
import signal
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.event_server import Requeue, ServerRules
from tests.faults.http_proxy import SendBatchFault
from tests.faults.processes import DrainProcess, drain_process, let_go
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from eventdrain.drain import Report
    from tests.faults.cloud import Cloud

pytestmark = pytest.mark.release

RUNS: Final = 4
BACKLOG: Final = 600
IN_FLIGHT: Final = 40
SLOW: Final = SendBatchFault(delay=timedelta(milliseconds=100))
"""So long that runs mostly wait, and a busy machine makes no difference."""
IDLE_SECONDS: Final = 5.0
"""Longer than it takes until all runs have their streams, and than the server's ack time-out."""
WINDOW_SECONDS: Final = 4.0
"""Several times as long as a run needs for token, stream and first commit on a busy machine."""


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """Return a scene whose queue is slow."""
    scene.faults.inject(SLOW)
    return scene


def test_runs_share_a_backlog(scene: Scene) -> None:
    """Runs in separate processes drain one queue: each event once, a fair share for each run."""
    with ExitStack() as running:
        runs = [running.enter_context(start_run(scene)) for _ in range(RUNS)]
        let_go(scene, runs)
        scene.publish(BACKLOG)
        reports = [ended(each) for each in runs]
    assert sum(report.acked for report in reports) == BACKLOG
    assert min(report.acked for report in reports) >= BACKLOG / RUNS / 4
    check_shared(scene)


def test_parallel_streams_share_a_backlog(scene: Scene) -> None:
    """The connections of one run share a queue in the same way."""
    with scene.when(lambda ledger: ledger.open_streams == RUNS, lambda: scene.publish(BACKLOG)):
        report = scene.drain(
            parallel_streams=RUNS,
            max_in_flight=IN_FLIGHT,
            idle=timedelta(seconds=1),
        )
    assert (report.connections, report.acked) == (RUNS, BACKLOG)
    check_shared(scene)


def test_run_whose_window_ends(scene: Scene) -> None:
    """It commits and acks what it has taken; the others drain the rest, without duplicates."""
    seeds = itertools.count()
    published = 0
    with ExitStack() as running:
        others = [running.enter_context(start_run(scene)) for _ in range(RUNS - 1)]
        leaving = running.enter_context(start_run(scene, window=WINDOW_SECONDS))
        let_go(scene, [*others, leaving])
        while leaving.process.poll() is None:  # keep a backlog until it has ended
            scene.publish(IN_FLIGHT * RUNS, seed=next(seeds))
            published += IN_FLIGHT * RUNS
            scene.event_server.wait_until(lambda ledger: len(ledger.unacked) <= IN_FLIGHT * RUNS)
        left = ended(leaving)
        reports = [ended(each) for each in others]
    assert left.end_reason == "window"
    assert left.acked > 0
    assert left.acked + sum(report.acked for report in reports) == published
    evidence = scene.check()
    assert evidence.copies == 0
    assert evidence.ledger.redeliveries <= IN_FLIGHT


def test_run_that_dies(cloud: Cloud) -> None:
    """Its unacked events are redelivered to the others after the ack time-out; none is lost."""
    rules = ServerRules(requeue=Requeue.AFTER_ACK_TIMEOUT, clock_speed=10)
    with Scene(cloud, rules=rules) as scene, ExitStack() as running:
        scene.faults.inject(SLOW)
        others = [
            running.enter_context(start_run(scene, ack_timeout=10.0)) for _ in range(RUNS - 1)
        ]
        dying = running.enter_context(start_run(scene, ack_timeout=10.0))
        let_go(scene, [*others, dying])
        scene.publish(BACKLOG)
        scene.event_server.wait_until(lambda ledger: len(ledger.acked) >= IN_FLIGHT)
        dying.signal(signal.SIGKILL)
        assert dying.wait() is None
        reports = [ended(each) for each in others]
        assert sum(report.redelivered for report in reports) > 0
        evidence = scene.check()
    assert evidence.copies <= 2 * evidence.ledger.redeliveries


def start_run(
    scene: Scene,
    **changes: Any,
) -> AbstractContextManager[DrainProcess]:
    """Start a run over one stream in its own process, which waits for ``go``."""
    # By default the window is longer than the tests need.
    settings = {"max_in_flight": IN_FLIGHT, "idle": IDLE_SECONDS, "window": 30.0} | changes
    return drain_process(scene, is_held=True, remaining_seconds=45, **settings)


def ended(running: DrainProcess) -> Report:
    """Wait for the end of a run, and return its report."""
    report = running.wait()
    assert report is not None
    return report


def check_shared(scene: Scene) -> None:
    """Check that no event is lost or duplicated, and that every connection received its share."""
    evidence = scene.check()
    assert evidence.copies == evidence.ledger.redeliveries == 0
    sent = [stream.sent for stream in evidence.ledger.streams.values()]
    assert len(sent) == RUNS
    assert min(sent) >= BACKLOG / RUNS / 4
