"""The stack in the embedded AWS: built and deployed by the SAM CLI, looked into by boto3.

Both run as a person would run them, from the environment `.venv-sam`. Three things differ from a
deployment to an account: the layers are built for this machine's Python (`LAYER_TARGET=host`), as
ministack's functions run on it; the vendor layer of the architecture that isn't deployed is not
built, as nothing would use it; and the functions' roles get one action more, see
`_allow_send_message_batch`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.local.embedded_aws import AWS_ENVIRONMENT, PROJECT_FOLDER, end_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.local.embedded_aws import EmbeddedAws

SAM: Final = PROJECT_FOLDER / ".venv-sam" / "bin" / "sam"

_VENDOR_LAYERS: Final = {"arm64": "VendorLayerArm64", "x86_64": "VendorLayerX8664"}
_COMMAND_LIMIT: Final = timedelta(minutes=5)
_SET_BY_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")


class StackError(Exception):
    """The stack couldn't be built, deployed or watched. The message holds what the tool printed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the function, as its log tells it; the log has it once the run has ended.

    Attributes:
        request_id: Lambda's id of the run.
        lines: What the function printed, one line each.
    """

    request_id: str
    lines: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Those lines that are JSON objects: log records and metrics."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an invocation by hand gave back.

    Attributes:
        payload: What the function returned, or Lambda's description of its error.
        error: Lambda's word for the kind of error, None if the function returned.
    """

    payload: Any
    error: str | None


class SamStack:
    """One stack of `template.yaml` in an embedded AWS.

    Attributes:
        name: The stack's name.
        architecture: The function's, arm64 or x86_64. Here it only chooses the vendor layer.
    """

    def __init__(
        self, aws: EmbeddedAws, *, name: str = "event-drain", architecture: str = "arm64"
    ) -> None:
        """Name a stack; nothing happens before `build`.

        Args:
            aws: The running embedded AWS.
            name: The stack's name.
            architecture: arm64 or x86_64.
        """
        self._aws = aws
        self.name = name
        self.architecture = architecture
        self._outputs: dict[str, str] = {}

    def build(self, build_folder: Path) -> None:
        """Build function and layers with `sam build`.

        Args:
            build_folder: A folder for the result, emptied first.

        Raises:
            StackError: It failed.
        """
        others = [name for key, name in _VENDOR_LAYERS.items() if key != self.architecture]
        _run_sam(
            ["build", "--build-dir", str(build_folder), "--no-cached", "--parallel"]
            + [option for name in others for option in ("--exclude", name)],
            environment={
                **_builder_environment(),
                "TMPDIR": str(self._aws.folder),  # where what SAM leaves behind goes with the rest
                "LAYER_TARGET": "host",
                "PYTHON": str(AWS_ENVIRONMENT / "bin" / "python"),
            },
        )

    def deploy(self, build_folder: Path, parameters: Mapping[str, str]) -> None:
        """Deploy what was built, or update the stack, with `sam deploy`.

        Args:
            build_folder: Where `build` put it.
            parameters: The template's parameters that shall differ from their defaults.

        Raises:
            StackError: It failed, among others because a value breaks the template's rules.
            ValueError: A value can't be passed on SAM's command line.
        """
        values = {"Architecture": self.architecture, **parameters}
        unfit = [name for name, value in values.items() if '"' in value or "\\" in value]
        if unfit:
            raise ValueError(f"{', '.join(unfit)}: a value with a quote or backslash in it")
        _run_sam(
            [
                "deploy",
                *("--template-file", str(build_folder / "template.yaml")),
                *("--stack-name", self.name),
                *("--region", self._aws.region),
                *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
                "--resolve-s3",
                "--no-confirm-changeset",
                "--no-fail-on-empty-changeset",
                "--no-progressbar",
                "--parameter-overrides",
                *(f'{name}="{value}"' for name, value in values.items()),
            ],
            environment={**self._aws.environment(), "SAM_CLI_POLL_DELAY": "1"},
        )
        self._outputs = self._read_outputs()
        self._allow_send_message_batch()

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs by name, such as `ArchiveBucketName`. Empty before `deploy`."""
        return self._outputs

    @property
    def queue_urls(self) -> Mapping[str, str]:
        """The URL of every queue that events go to, by the name of the output that tells it."""
        return {
            name: url
            for name, url in self.outputs.items()
            if name.endswith("QueueUrl") and "DeadLetter" not in name
        }

    def put_credentials(self, credentials: Mapping[str, str]) -> None:
        """Put what an operator would put into the credentials secret."""
        self._aws.client("secretsmanager").put_secret_value(
            SecretId=self.outputs["CredentialsSecretArn"], SecretString=json.dumps(credentials)
        )

    def invoke(self, event: Mapping[str, Any] | None = None) -> Invocation:
        """Run the function now, by hand, and wait for its end."""
        answer = self._aws.client("lambda").invoke(
            FunctionName=self.outputs["DrainEventsFunctionName"],
            Payload=json.dumps(event or {}).encode(),
        )
        return Invocation(json.loads(answer["Payload"].read()), answer.get("FunctionError"))

    def runs(self) -> list[Run]:
        """Give the runs that have ended, by whatever they were started, oldest first."""
        pages = self._aws.client("logs").get_paginator("filter_log_events")
        messages = [
            event["message"]
            for page in pages.paginate(logGroupName=self.outputs["DrainEventsLogGroupName"])
            for event in page["events"]
        ]
        return _split_into_runs(messages)

    def wait_for_runs(
        self,
        count: int,
        *,
        limit: timedelta = timedelta(minutes=3),
        on_wait: Callable[[], None] | None = None,
    ) -> list[Run]:
        """Wait until at least so many runs have ended: the schedule's, if nobody invoked by hand.

        A `rate(1 minute)` schedule fires for the first time 60 to 70 seconds after the deployment.

        Args:
            count: How many, counted from the deployment.
            limit: How long to wait at the most.
            on_wait: Called about twice a second while waiting, to show progress.

        Returns:
            All runs that have ended.

        Raises:
            StackError: There weren't so many in time. The message has the end of ministack's log.
        """
        end = time.monotonic() + limit.total_seconds()
        while len(runs := self.runs()) < count:
            if time.monotonic() > end:
                log_end = self._aws.log_file.read_text(errors="replace")[-2000:]
                raise StackError(
                    f"{len(runs)} of {count} runs ended within {limit}."
                    f" The embedded AWS's log ends with:\n{log_end}"
                )
            if on_wait is not None:
                on_wait()
            time.sleep(0.5)
        return runs

    def _allow_send_message_batch(self) -> None:
        """Let the functions call SendMessageBatch, which AWS allows with `sqs:SendMessage`.

        ministack wants an action of the call's own name for it. AWS has no such action (Service
        Authorization Reference, Amazon SQS), so it does not belong into the template.
        """
        sqs = self._aws.client("sqs")
        queues = [
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
            for url in self.queue_urls.values()
        ]
        statement = {
            "Effect": "Allow",
            "Action": "sqs:SendMessageBatch",
            "Resource": [queue["QueueArn"] for queue in queues],
        }
        functions = self._aws.client("lambda")
        for output in ("DrainEventsFunctionName", "ReplayEventsFunctionName"):
            role = functions.get_function_configuration(FunctionName=self.outputs[output])["Role"]
            self._aws.client("iam").put_role_policy(
                RoleName=role.rpartition("/")[2],
                PolicyName="embedded-aws-send-message-batch",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            )

    def _read_outputs(self) -> dict[str, str]:
        stacks = self._aws.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {
            output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])
        }


def _split_into_runs(messages: Sequence[str]) -> list[Run]:
    """Split a log of whole runs, each between Lambda's START and REPORT lines."""
    runs: list[Run] = []
    run: Run | None = None
    for message in messages:
        line = message.rstrip("\n")
        if start := re.match(r"START RequestId: (\S+)", line):
            run = Run(start.group(1))
        elif run is not None and line.startswith(f"REPORT RequestId: {run.request_id}"):
            runs.append(run)
            run = None
        elif run is not None and not line.startswith(f"END RequestId: {run.request_id}"):
            run.lines.append(line)
    return runs


def _builder_environment() -> dict[str, str]:
    """The caller's environment, which may say how to reach packages, less what would mislead.

    That is: AWS profiles and keys, which a build doesn't need; a make that we run in, whose flags
    and variables would reach the makes that SAM runs; and a Python's settings.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _SET_BY_MAKE and not name.startswith(("AWS_", "PYTHON", "SAM_CLI_"))
    }


def _run_sam(arguments: Sequence[str], *, environment: Mapping[str, str]) -> None:
    """Run SAM quietly; show what it printed only if it fails.

    Raises:
        StackError: It isn't installed, it failed, or it took longer than five minutes.
    """
    if not SAM.exists():
        raise StackError(
            f"{SAM.relative_to(PROJECT_FOLDER)} is missing: install requirements/sam.txt into"
            " .venv-sam."
        )
    process = subprocess.Popen(
        [SAM, *arguments],
        cwd=PROJECT_FOLDER,
        env={**environment, "SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # with the makes and pips that it starts, to be ended as one
    )
    try:
        output, _ = process.communicate(timeout=_COMMAND_LIMIT.total_seconds())
    except subprocess.TimeoutExpired as error:
        raise StackError(f"sam {arguments[0]} took longer than {_COMMAND_LIMIT}.") from error
    finally:
        end_group(process)
    if process.returncode != 0:
        raise StackError(f"sam {arguments[0]} failed ({process.returncode}):\n{output}")
