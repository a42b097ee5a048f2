"""Drains in processes of their own: started, stopped, continued, killed."""

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
from simulator.aws.embedded_aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess
from tests.faults.invariants import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.drain_process import Step
    from tests.faults.scene import Scene

_END_SECONDS: Final = 20.0
"""What the end of a run and of its process may take on a busy machine."""
PATH: Final = os.pathsep.join(
    str(PROJECT_FOLDER / folder) for folder in (".", "layers/wgtwo", "layers/eventdrain")
)


class DrainProcess:
    """A drain in a process, which begins when it is let go; see :func:`drain_process`."""

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
        self.stdout = ""

    def wait_until_ready(self) -> None:
        """Wait until everything is imported, however long a busy machine takes for that."""
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"it ended before it began: {self.process.communicate()[1]}")

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self._began = time.monotonic()
        self.process.stdin.close()
        self.process.stdin = None  # else `communicate` would use it

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self) -> Report | None:
        """Wait for its end, enter the run in the scene, and give its report; None if killed."""
        self.stdout, stderr = self.process.communicate(timeout=self._allowed)
        report = None
        if self.process.returncode != -signal.SIGKILL:
            assert self.process.returncode == 0, stderr
            report = report_of(json.loads(self.stdout.splitlines()[-1]))
        seconds = time.monotonic() - self._began
        self._scene.record(RunRecord(report, seconds, self._allowed), self.stdout + stderr)
        return report


@contextmanager
def drain_process(
    scene: Scene,
    *,
    is_held: bool = False,
    kill_at: Step | None = None,
    after: int = 0,
    remaining_seconds: float = 20,
    **settings: Any,
) -> Iterator[DrainProcess]:
    """Start a drain; the block's end kills it if it has not been waited for.

    Args:
        scene: Where it drains.
        is_held: Whether the caller lets it go, as several that are to begin at the same time.
        kill_at: The step of a commit at which it shall kill itself.
        after: How many commits get past that step first.
        remaining_seconds: How long it is told that it may live.
        settings: That shall differ; times as floats of seconds.
    """
    quick = {"idle": 0.5, "linger": 0.02, "window": 10.0, "reserve": 5.0}
    arguments = ["tests.faults.drain_process", f"--remaining-seconds={remaining_seconds}"]
    arguments += [f"--settings={json.dumps(quick | settings)}", f"--after={after}"]
    if kill_at is not None:
        arguments.append(f"--kill-at={kill_at}")
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
    """Let drains begin together, and wait until each has its stream: no other's idle time passes.

    Args:
        scene: Where they drain, and nobody else.
        drains: Held ones.
    """
    for drain in drains:
        drain.wait_until_ready()
    for drain in drains:
        drain.go()
    scene.event_server.wait_until(lambda ledger: ledger.open_streams == len(drains))


def report_of(content: dict[str, Any]) -> Report:
    """Read a report from its JSON."""
    values: dict[str, Any] = {
        name: Counter(value) if isinstance(value, dict) else value
        for name, value in content.items()
    }
    return Report(**{**values, "end_reason": EndReason(content["end_reason"])})
