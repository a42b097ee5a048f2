"""Drains and functions in separate processes: started, stopped, continued, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from eventdrain.drain import EndReason, Report
from eventdrain.wiring import SINKS
from simulator.aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess
from tests.faults.invariants import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.scene import Scene

_END_SECONDS: Final = 20.0
"""Time for the end of a run and its process on a busy machine."""
_FUNCTION_SECONDS: Final = 90.0
PATH: Final = os.pathsep.join(
    str(PROJECT_FOLDER / folder) for folder in (".", "layers/wgtwo", "layers/eventdrain")
)


class DrainProcess:
    """A module of the tests in a process with the scene's environment.

    Args:
        scene: Where it runs.
        arguments: The module and its arguments.
        remaining_seconds: Seconds that a drain in it may take.
        environment: More variables.
    """

    def __init__(
        self, scene: Scene, arguments: list[str], remaining_seconds: float, **environment: str
    ) -> None:
        self._scene = scene
        self._allowed = remaining_seconds + _END_SECONDS
        self._began = 0.0
        self.process = ChildProcess(
            [sys.executable, "-m", *arguments],
            cwd=PROJECT_FOLDER,
            env={**scene.environment(), "PYTHONPATH": PATH, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Wait until everything is imported, which may take long on a busy machine."""
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"it ended before it began: {self.process.communicate()[1]}")

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self._began = time.monotonic()
        self.process.stdin.close()
        self.process.stdin = None  # so that `communicate` doesn't use it

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self) -> Report | None:
        """Wait for the end, record the run, and return its report; None if it was killed."""
        stdout, stderr = self.process.communicate(timeout=self._allowed)
        report = None
        if self.process.returncode != -signal.SIGKILL:
            assert self.process.returncode == 0, stderr
            report = _report_of(json.loads(stdout.splitlines()[-1]))
        seconds = time.monotonic() - self._began
        self._scene.record(RunRecord(report, seconds, self._allowed), stdout + stderr)
        return report


@contextmanager
def drain_process(
    scene: Scene,
    *,
    is_held: bool = False,
    remaining_seconds: float = 20,
    **settings: Any,
) -> Iterator[DrainProcess]:
    """Start a drain; the block's end kills it if it has not been waited for.

    Args:
        scene: Where it drains.
        is_held: Whether it waits for ``go``, so that several can begin at the same time.
        remaining_seconds: Its remaining time.
        settings: Settings that differ; times as floats of seconds.
    """
    quick = {"idle": 0.5, "linger": 0.02, "window": 10.0, "reserve": 5.0}
    arguments = ["tests.faults.drain_process", f"--remaining-seconds={remaining_seconds}"]
    arguments.append(f"--settings={json.dumps(quick | settings)}")
    running = DrainProcess(scene, arguments, remaining_seconds)
    try:
        if not is_held:
            running.wait_until_ready()
            running.go()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


def let_go(scene: Scene, drains: Sequence[DrainProcess]) -> None:
    """Let drains begin together, and wait until each has its stream, before any can be idle.

    Args:
        scene: Their scene, which no other drain uses.
        drains: Drains that are held.
    """
    for drain in drains:
        drain.wait_until_ready()
    for drain in drains:
        drain.go()
    scene.event_server.wait_until(lambda ledger: ledger.open_streams == len(drains))


def invoke(
    scene: Scene, function: str = "drain_events", event: object = None, **environment: str
) -> list[str]:
    """Run a function's handler as Lambda does, and return the lines that it printed.

    The last line is its answer, or its error.
    """
    arguments = ["tests.faults.handler_process", function, json.dumps(event or {})]
    environment = {"IDLE_SECONDS": "1", "LINGER_MILLISECONDS": "20", **environment}
    running = DrainProcess(scene, arguments, 0, **environment)
    stdout, stderr = running.process.communicate(timeout=_FUNCTION_SECONDS)
    scene.record_text(stdout + stderr)
    assert running.process.returncode == 0, stderr
    return stdout.splitlines()


def _report_of(content: dict[str, Any]) -> Report:
    """Return the report that a drain has printed."""
    values: dict[str, Any] = {
        name: Counter(value) if isinstance(value, dict) else value
        for name, value in content.items()
    }
    sinks = tuple(row.name for row in SINKS)
    failed = Counter({sink: values.pop(f"{sink}_failed") for sink in sinks})
    values |= {"sinks": sinks, "failed": failed, "end_reason": EndReason(content["end_reason"])}
    return Report(**values)
