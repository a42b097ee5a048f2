"""Shared by the replay's tests: the command, run in a process as an operator does."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from simulator.aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess
from tests.faults.processes import PATH
from tests.schema_checks import archive_lines, take_messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.scene import Scene

SECONDS: Final = 60


def arguments(scene: Scene, folder: Path, *more: str) -> list[str]:
    """Return the command line that replays a scene's archive, by default to its queue."""
    places = ["--bucket", scene.places.bucket, "--queue-url", scene.places.queue_url]
    if "--stack-name" in more:
        places = []
    checkpoint = ["--checkpoint", str(folder / "checkpoint.json")]
    # Of an option's values, the last one counts.
    return [sys.executable, "-m", "drainctl", "replay", *places, *checkpoint, *more]


def replay(
    scene: Scene, folder: Path, *more: str, answer: str = "", status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command, which must end with this exit status, and record its output."""
    done = subprocess.run(
        arguments(scene, folder, *more),
        cwd=PROJECT_FOLDER,
        env=environment(scene),
        input=answer,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    scene.record_text(done.stdout + done.stderr)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def replay_stack(
    scene: Scene, folder: Path, stack: str, *, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command for a stack."""
    return replay(scene, folder, "--stack-name", stack, "--yes", status=status)


@contextmanager
def replaying(scene: Scene, folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command; it is killed at the end of the block if it still runs."""
    with ChildProcess(
        arguments(scene, folder, *more),
        cwd=PROJECT_FOLDER,
        env=environment(scene),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            stdout, stderr = process.communicate(timeout=SECONDS)
            scene.record_text(stdout + stderr)


def environment(scene: Scene) -> dict[str, str]:
    """Return the command's environment: only an account and a wide terminal."""
    return {**scene.environment(), "PYTHONPATH": PATH, "COLUMNS": "200"}


def lines_by_id(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Return the archive's lines by event id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in archive_lines(scene.cloud.s3, scene.places.bucket):
        found.setdefault(line["event_id"], []).append(line)
    return found


def messages(scene: Scene, queue_url: str | None = None) -> list[dict[str, Any]]:
    """Receive all messages of a queue, by default the scene's."""
    return take_messages(scene.cloud.sqs, queue_url or scene.places.queue_url)


def attributes(message: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return a message's attributes: type and value by name."""
    return {
        name: (value["DataType"], value["StringValue"])
        for name, value in message["MessageAttributes"].items()
    }
