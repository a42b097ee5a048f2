"""`drainctl deploy`, as a person without a terminal runs it: answers from a file, into an account.

The account is the embedded AWS. The project is a copy, as `sam build` writes into its folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.events import DEFAULT_EVENT_TYPE
from simulator.aws import PROJECT_FOLDER, SAM
from simulator.deployment import LocalDeployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.release

EVENTS: Final = 20
ANSWERS: Final = """\
stack_name = "event-drain"
region = "{region}"
sandbox = false
streams = ["{stream}"]
alarm_email = "made-up@example.com"

[parameters]
ApiEndpoint = "{api}"
TokenEndpoint = "{tokens}"
ScheduleState = "DISABLED"
CompactionState = "DISABLED"
IdleSeconds = 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy without anything that was installed or built."""
    folder = tmp_path / "project"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_FOLDER,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, tracked.decode().split("\0")):
        if (source := PROJECT_FOLDER / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture
def local() -> Iterator[LocalDeployment]:
    """Return an AWS without a stack, beside an event API and a token endpoint."""
    with LocalDeployment() as deployment:
        yield deployment


def run(
    project: Path, local: LocalDeployment, *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command of the copy, where `sam` and a Python for the layers are found."""
    environment = local.aws.environment()
    return subprocess.run(
        [sys.executable, "-m", "drainctl", *arguments],
        cwd=project,
        env={
            **environment,
            "PATH": f"{SAM.parent}{os.pathsep}{environment['PATH']}",
            "LAYER_TARGET": "host",
            "PYTHON": sys.executable,
            "SAM_CLI_POLL_DELAY": "1",
            "SAM_CLI_TELEMETRY": "0",
        },
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(600)  # it builds and deploys
def test_from_nothing_to_nothing(project: Path, local: LocalDeployment) -> None:
    """Deploy, put in credentials, drain, and delete: all by the commands of the README."""
    answers = project / "deploy.toml"
    answers.write_text(
        ANSWERS.format(
            region=local.aws.region,
            stream=DEFAULT_EVENT_TYPE,
            api=local.event_server.endpoint,
            tokens=local.token_server.endpoint,
        )
    )
    done = run(project, local, "deploy", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["needs_credentials"]
    assert "Next: make credentials STACK=event-drain" in done.stderr
    local.stack.read_outputs()
    assert local.stack.outputs == result["outputs"]
    invocation = local.stack.invoke()
    assert (invocation.error, invocation.payload["end_reason"]) == (None, "waiting")

    name = ("--stack-name", "event-drain")
    done = run(project, local, "credentials", *name, typed=json.dumps(local.credentials))
    assert done.returncode == 0, done.stderr
    assert "grants all scopes" in done.stdout
    local.event_server.publish_made_up(DEFAULT_EVENT_TYPE, EVENTS)
    assert local.stack.invoke().payload["acked"] == EVENTS

    done = run(project, local, "deploy")
    assert done.returncode == 0, done.stderr
    assert "Next: make doctor STACK=event-drain" in done.stdout

    archive = local.archive_keys()
    done = run(project, local, "delete", *name)
    assert done.returncode == 1
    assert f"with {EVENTS} messages in them" in done.stdout
    done = run(project, local, "delete", *name, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    kept = {each["id"] for each in json.loads(done.stdout)["kept"]}
    outputs = result["outputs"]
    secrets = {outputs["CredentialsSecretArn"], outputs["TokenSecretArn"]}
    assert secrets | {outputs["ArchiveBucketName"], outputs["KeyArn"]} <= kept
    assert local.archive_keys() == archive
    for arn in secrets:
        found = local.aws.client("secretsmanager").describe_secret(SecretId=arn)
        assert "DeletedDate" not in found
    assert not local.aws.client("sqs").list_queues().get("QueueUrls")
    stacks = local.aws.client("cloudformation").list_stacks(
        StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"]
    )
    assert [each["StackName"] for each in stacks["StackSummaries"]] == [
        "aws-sam-cli-managed-default"
    ]
