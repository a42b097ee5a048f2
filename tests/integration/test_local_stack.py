"""A local stack with its commands: up, drain, status, down; and `make run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.release

_STREAMS: Final = ("handset_change", "consent_change")
_LIMIT_SECONDS: Final = 90


def _python(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT_FOLDER,
        env={**os.environ, **(environment or {})},
        check=False,
        capture_output=True,
        text=True,
    )


class _LocalStack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m simulator` on the stack."""
        return _python("simulator", name, "--folder", self.folder, *options)

    def status(self) -> dict[str, Any]:
        """Return the status as JSON."""
        found: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return found

    def wait_for(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a status."""
        end = time.monotonic() + _LIMIT_SECONDS
        while not is_so(found := self.status()):
            assert time.monotonic() < end, found
            time.sleep(0.5)
        return found

    def variables(self) -> dict[str, str]:
        """Return the environment of a shell that has sourced the stack's file."""
        printed = subprocess.run(
            ["sh", "-c", '. "$1" && env -0', "sh", self.folder.with_name("local.env")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return dict(line.split("=", 1) for line in printed.split("\0") if line)


def test_up_drain_status_down(tmp_path: Path) -> None:
    """Events of all streams arrive in S3 and SQS, and nothing is left after down."""
    stack = _LocalStack(tmp_path / "local")
    try:
        started = stack.command("up", "--rate", "5", "--streams", ",".join(_STREAMS))
        assert started.returncode == 0, started.stdout
        assert "The first event was in S3 after" in started.stdout
        assert "already up" in stack.command("up").stdout

        found = stack.wait_for(
            lambda found: (
                {run["event_type"] for run in found["observed"].get("runs", ())} == {*_STREAMS}
            )
        )
        events, queue = found["observed"]["events"], found["observed"]["queues"]["OutboxQueueUrl"]
        assert 0 < found["observed"]["archive"]["lines"] <= events["published"]
        assert 0 < queue["waiting"] <= events["published"]
        assert stack.command("status").returncode == 0

        variables = stack.variables()
        s3: S3Client = boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            verify=variables["AWS_CA_BUNDLE"],
            region_name=variables["AWS_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        )
        keys = s3.list_objects_v2(Bucket=variables["BUCKET"])["Contents"]
        assert keys[0]["Key"].startswith("events/")
        for command in ("doctor", "verify"):
            checked = _python(
                *("drainctl", command, "--stack-name", variables["STACK"]), environment=variables
            )
            assert checked.returncode == 0, checked.stdout + checked.stderr
    finally:
        processes = _processes_below(stack.folder)
        ended = stack.command("down")
    assert (ended.returncode, ended.stdout) == (0, "The local stack is down.\n")
    assert len(processes) >= len(("supervisor", "embedded AWS", "a function"))
    assert _processes_below(stack.folder) == set()
    assert list(tmp_path.iterdir()) == []


def _processes_below(folder: Path) -> set[str]:
    """Return the processes whose temporary folder is a stack's folder, or in it."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended, or is another user's
        if f"TMPDIR={folder}/" in environment:
            found.add(process.name)
    return found


def test_make_run_reconciles() -> None:
    """`make run` drains two streams, and the counts reconcile."""
    shown = _python("simulator", "run", "--events", "200", "--streams", ",".join(_STREAMS))
    assert shown.returncode == 0, shown.stdout
    assert "Reconciled" in shown.stdout
    assert "make up" in shown.stdout
