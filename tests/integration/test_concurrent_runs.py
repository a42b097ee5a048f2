"""Runs at once on one durable queue share it; none starves, and any may end at any time."""

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
"""So that runs wait rather than compute: then a busy machine changes nothing."""
IDLE_SECONDS: Final = 5.0
"""Longer than runs that begin together need for their streams, and than an ack time-out of the
server of these tests."""
WINDOW_SECONDS: Final = 4.0
"""Several times what a run needs for a token, a stream and a first commit on a busy machine."""


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """Return a scene whose queue takes its time."""
    scene.faults.inject(SLOW)
    return scene


def test_runs_share_a_backlog(scene: Scene) -> None:
    """Runs in processes of their own drain one queue: each event once, a fair part for each."""
    with ExitStack() as running:
        runs = [running.enter_context(start_run(scene)) for _ in range(RUNS)]
        let_go(scene, runs)
        scene.publish(BACKLOG)
        reports = [ended(each) for each in runs]
    assert sum(report.acked for report in reports) == BACKLOG
    assert min(report.acked for report in reports) >= BACKLOG / RUNS / 4
    check_shared(scene)


def test_parallel_streams_share_a_backlog(scene: Scene) -> None:
    """The connections of one run do so too."""
    with scene.when(lambda ledger: ledger.open_streams == RUNS, lambda: scene.publish(BACKLOG)):
        report = scene.drain(
            parallel_streams=RUNS,
            max_in_flight=IN_FLIGHT,
            idle=timedelta(seconds=1),
        )
    assert (report.connections, report.acked) == (RUNS, BACKLOG)
    check_shared(scene)


def test_run_whose_window_ends(scene: Scene) -> None:
    """It commits and acks what it has taken, and the others get the rest: nothing comes twice."""
    seeds = itertools.count()
    published = 0
    with ExitStack() as running:
        others = [running.enter_context(start_run(scene)) for _ in range(RUNS - 1)]
        leaving = running.enter_context(start_run(scene, window=WINDOW_SECONDS))
        let_go(scene, [*others, leaving])
        while leaving.process.poll() is None:  # there is a backlog for as long as it is there
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
    """What it had not acked comes to the others when its ack time-out strikes; nothing is lost."""
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
    """Start a run over one stream, in a process of its own, that is held."""
    # The window ends of itself only where a test asks for it.
    settings = {"max_in_flight": IN_FLIGHT, "idle": IDLE_SECONDS, "window": 30.0} | changes
    return drain_process(scene, is_held=True, remaining_seconds=45, **settings)


def ended(running: DrainProcess) -> Report:
    """Wait for the end of a run that is not killed."""
    report = running.wait()
    assert report is not None
    return report


def check_shared(scene: Scene) -> None:
    """See that nothing is lost, nothing came twice, and every connection got its part."""
    evidence = scene.check()
    assert evidence.copies == evidence.ledger.redeliveries == 0
    sent = [stream.sent for stream in evidence.ledger.streams.values()]
    assert len(sent) == RUNS
    assert min(sent) >= BACKLOG / RUNS / 4
