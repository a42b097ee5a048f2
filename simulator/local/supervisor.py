"""The process that runs a local stack, detached from its terminal.

Its parent passes it the lock of the folder and one end of a pipe, on which it writes lines of
JSON: ``{"phase": ...}`` for each step, then ``{"up": ...}`` or ``{"error": ...}``, and no more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import click
from botocore.exceptions import BotoCoreError, ClientError

from simulator.aws import EmbeddedAwsError, StackError
from simulator.child_process import living_children
from simulator.deployment import LocalDeployment
from simulator.event_server import Trickle
from simulator.local.folder import UP, LocalFolder, State
from simulator.local.observation import Observer
from simulator.local.processes import ProcessRecord
from simulator.local.shell_variables import shell_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

_PUBLISH_SECONDS: Final = 0.1
_STATE_SECONDS: Final = 1.0
_OBSERVE_SECONDS: Final = 1.0
_RUNS_SECONDS: Final = 5.0
_FIRST_EVENT_LIMIT: Final = timedelta(seconds=60)


@click.command("supervise", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--rate", type=float, required=True)
@click.option("--streams", required=True)
@click.option("--lock", type=int, required=True)
@click.option("--progress", type=int, required=True)
def main(*, folder: Path, rate: float, streams: str, lock: int, progress: int) -> None:
    """Run a local stack until SIGTERM; started by `up`, which holds the lock."""
    os.set_inheritable(lock, False)  # noqa: FBT003 - no child of this process owns the folder
    os.set_inheritable(progress, False)  # noqa: FBT003
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    supervisor = _Supervisor(LocalFolder(folder), rate, streams.split(","), progress)
    try:
        supervisor.run()
    except KeyboardInterrupt:
        _log("Ended, as it was asked to.")
    except (EmbeddedAwsError, StackError) as error:
        supervisor.report(error=str(error))
        _log(f"Failed: {error}")
        sys.exit(1)
    finally:
        supervisor.folder.clear_files()


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # the end is not to be interrupted
    raise KeyboardInterrupt


def _log(text: str) -> None:
    print(f"{_now()} {text}", flush=True)  # noqa: T201 - standard output is the log


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass
class _Supervisor:
    folder: LocalFolder
    rate: float
    event_types: Sequence[str]
    progress: int
    state: State = field(init=False)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _beside: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        own = ProcessRecord.of(os.getpid())
        assert own is not None
        self.state = State(supervisor=own, started=_now())

    def run(self) -> None:
        """Start everything, then publish and observe until a signal or an error ends it."""
        started_at = monotonic()
        self.enter("Starting the event server, the token server and the embedded AWS")
        with LocalDeployment() as deployment, self._working_beside(deployment):
            self.enter("sam build: the function and its layers, unless nothing has changed")
            deployment.build()
            self.enter("sam deploy: the stack, into the embedded AWS")
            deployment.deploy(EventTypes=",".join(self.event_types))
            deployment.stack.put_credentials(deployment.credentials)
            self.enter("EventBridge Scheduler: a one-time copy of each schedule fires")
            deployment.stack.fire_drains()
            observer = Observer(deployment, self.event_types)
            self.enter("Waiting for the first event in S3")
            first_event_seconds = self._await_first_event(deployment, observer, started_at)
            self._go_up(deployment, first_event_seconds)
            self._observe(deployment, observer)

    def enter(self, phase: str) -> None:
        """Begin a step on the way up."""
        self.state.phase = phase
        self._write_state()
        self.report(phase=phase)
        _log(phase)

    def report(self, **line: Any) -> None:
        """Write a line to the waiting process, if it still runs."""
        with suppress(OSError):
            os.write(self.progress, f"{json.dumps(line)}\n".encode())

    @contextmanager
    def _working_beside(self, deployment: LocalDeployment) -> Iterator[None]:
        """Publish events and keep the state up to date until the block ends."""
        ended = threading.Event()
        trickle = Trickle(deployment.event_server, self.event_types, self.rate)

        def work() -> None:
            written_at = 0.0
            while not ended.wait(_PUBLISH_SECONDS):
                trickle.publish_due()
                if monotonic() - written_at >= _STATE_SECONDS:
                    self._write_state()
                    written_at = monotonic()

        thread = self._beside = threading.Thread(target=work, name="trickle")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _await_first_event(
        self, deployment: LocalDeployment, observer: Observer, started_at: float
    ) -> float | None:
        """Return how long after the start S3 held an event; None if it doesn't yet."""
        end = monotonic() + _FIRST_EVENT_LIMIT.total_seconds()
        while self.rate and monotonic() < end:
            self._check(deployment)
            if observer.archive()["lines"]:
                return round(monotonic() - started_at, 1)
            time.sleep(_PUBLISH_SECONDS)
        return None

    def _go_up(self, deployment: LocalDeployment, first_event_seconds: float | None) -> None:
        variables = shell_variables(deployment)
        self.folder.write_variables(variables)
        self.state.stack = {
            "name": deployment.stack.name,
            "rate": self.rate,
            "streams": list(self.event_types),
            "event_server": deployment.event_server.endpoint,
            "token_server": deployment.token_server.endpoint,
            "embedded_aws": deployment.aws.endpoint_url,
            "bucket": variables["BUCKET"],
            "queue_url": variables["QUEUE_URL"],
        }
        self.state.phase = UP
        self._write_state()
        self.report(up={"first_event_seconds": first_event_seconds})
        _log("Up.")

    def _observe(self, deployment: LocalDeployment, observer: Observer) -> None:
        """Observe until an error.

        Raises:
            EmbeddedAwsError: The embedded AWS has ended.
            StackError: No events are published any more.
        """
        runs_at = 0.0
        while True:
            self._check(deployment)
            # Acks before lines and messages: an event that is acked is in both.
            observed: dict[str, Any] = {"events": observer.events()}
            try:
                observed["archive"] = observer.archive()
                observed["queues"] = observer.queues()
                if monotonic() >= runs_at:
                    observed["runs"] = observer.runs()
                    runs_at = monotonic() + _RUNS_SECONDS
            except (BotoCoreError, ClientError) as error:
                _log(f"Can't look at the stack: {error}")
            self.state.observed = {**self.state.observed, **observed}
            time.sleep(_OBSERVE_SECONDS)

    def _check(self, deployment: LocalDeployment) -> None:
        if not deployment.aws.is_running:
            raise EmbeddedAwsError("The embedded AWS has ended by itself.")
        if not self._beside.is_alive():
            raise StackError("No events are published any more: the lines above say why.")

    def _write_state(self) -> None:
        with self._writing:
            children = [
                ProcessRecord.of(pid, is_group=is_group)
                for pid, is_group in living_children().items()
            ]
            self.state.children = [child for child in children if child is not None]
            self.state.updated = _now()
            self.folder.write_state(self.state)
