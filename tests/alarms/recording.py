"""Records runs of the function's real handler, between real servers with faults.

Each run is a process, in a scene of the fault tests, and as short as its settings allow.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from tests.alarms.stack_alarms import SERVICE
from tests.alarms.timeline import RealRun
from tests.faults.processes import DrainProcess
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from simulator.event_server import LedgerSnapshot
    from tests.faults.cloud import Cloud

_ENVIRONMENT: Final = {
    "POWERTOOLS_SERVICE_NAME": SERVICE,
    "POWERTOOLS_METRICS_NAMESPACE": "EventDrain",
    "IDLE_SECONDS": "1",
    "BACKLOG_RUNS": "0",
}
_ENDS_WITHIN_SECONDS: Final = 60


def record(scene: Scene, **environment: str) -> RealRun:
    """Run the handler once.

    Args:
        scene: The scene.
        environment: Variables of the function that differ.
    """
    began = time.monotonic()
    running = _start(scene, environment)
    stdout, stderr = running.process.communicate(timeout=_ENDS_WITHIN_SECONDS)
    assert running.process.returncode == 0, stderr
    scene.record_text(stdout + stderr)
    *lines, answer = stdout.splitlines()
    has_raised = "errorType" in json.loads(answer)
    return RealRun(lines, time.monotonic() - began, has_raised)


def record_stopped(scene: Scene) -> RealRun:
    """Run the handler, and stop it while it drains, as Lambda does at the time-out."""
    running = _start(scene, {})

    def has_begun(ledger: LedgerSnapshot) -> bool:
        return bool(ledger.deliveries)

    scene.event_server.wait_until(has_begun)
    running.process.kill()
    stdout, _ = running.process.communicate()
    return RealRun(stdout.splitlines(), 0.0, was_stopped=True)


def healthy_runs(cloud: Cloud) -> list[RealRun]:
    """Record runs of a healthy stack: with some events, few, none, and many."""
    with Scene(cloud) as scene:
        runs = []
        for seed, count in enumerate((40, 3, 0, 250)):
            scene.publish(count, seed)
            runs.append(record(scene))
    assert not any(run.has_raised for run in runs)
    return runs


def _start(scene: Scene, environment: dict[str, str]) -> DrainProcess:
    arguments = ["tests.faults.handler_process"]
    return DrainProcess(scene, arguments, 20, **{**_ENVIRONMENT, **environment})
