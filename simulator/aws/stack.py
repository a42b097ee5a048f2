"""The stack in the embedded AWS: deployed with the SAM CLI, inspected with boto3.

See ``sam_build`` for the differences from a deployment to an account.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from simulator.aws.sam import StackError, run_sam

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import ScheduleSummaryTypeDef

    from simulator.aws.embedded_aws import EmbeddedAws

_FIRE_LIMIT: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the function that has ended, read from its log.

    Attributes:
        request_id: Lambda's id of the run.
        lines: The lines that the function printed.
    """

    request_id: str
    lines: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines that are JSON objects: log records and metrics."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The result of a manual invocation.

    Attributes:
        payload: The function's result, or Lambda's description of its error.
        error: Lambda's name for the kind of error; None if the function returned.
    """

    payload: Any
    error: str | None


class SamStack:
    """One stack of `template.yaml` in an embedded AWS.

    Attributes:
        name: The stack's name.
        architecture: The function's, arm64 or x86_64. Here it only selects the vendor layer.
    """

    def __init__(
        self, aws: EmbeddedAws, *, name: str = "event-drain", architecture: str = "arm64"
    ) -> None:
        """Define a stack, which `deploy` then creates.

        Args:
            aws: The running embedded AWS.
            name: The stack's name.
            architecture: arm64 or x86_64.
        """
        self._aws = aws
        self.name = name
        self.architecture = architecture
        self._outputs: dict[str, str] = {}

    def deploy(
        self,
        build_folder: Path,
        parameters: Mapping[str, str],
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Create or update the stack with `sam deploy`.

        Args:
            build_folder: The result of `sam_build`.
            parameters: The template's parameters that differ from their defaults.
            tags: The stack's tags.

        Raises:
            StackError: It failed, for example because a value breaks the template's rules.
            ValueError: A value can't be passed on SAM's command line.
        """
        values = {"Architecture": self.architecture, **parameters}
        unfit = [name for name, value in values.items() if '"' in value or "\\" in value]
        if unfit:
            raise ValueError(f"{', '.join(unfit)}: a value with a quote or backslash in it")
        run_sam(
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
                *(["--tags", *(f"{name}={value}" for name, value in tags.items())] if tags else []),
            ],
            environment={**self._aws.environment(), "SAM_CLI_POLL_DELAY": "1"},
        )
        self.read_outputs()

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs by name, such as `ArchiveBucketName`; empty before `deploy`."""
        return self._outputs

    @property
    def queue_urls(self) -> Mapping[str, str]:
        """The URL of every queue for events, by the name of its output."""
        return {
            name: url
            for name, url in self.outputs.items()
            if name.endswith("QueueUrl") and "DeadLetter" not in name
        }

    def put_credentials(self, credentials: Mapping[str, str]) -> None:
        """Write the credentials secret, as an operator does."""
        self._aws.client("secretsmanager").put_secret_value(
            SecretId=self.outputs["CredentialsSecretArn"], SecretString=json.dumps(credentials)
        )

    def invoke(self, event: Mapping[str, Any] | None = None) -> Invocation:
        """Invoke the function, and wait for its end."""
        answer = self._aws.client("lambda").invoke(
            FunctionName=self.outputs["DrainEventsFunctionName"],
            Payload=json.dumps(event or {}).encode(),
        )
        return Invocation(json.loads(answer["Payload"].read()), answer.get("FunctionError"))

    def fire(self, *schedules: str) -> None:
        """Let schedules fire once, within about a second, whether they are enabled or not.

        One-time copies of them fire, so that their targets, roles and dead-letter queues take part.

        Args:
            schedules: Their names.

        Raises:
            StackError: A copy doesn't fire.
        """
        scheduler = self._aws.client("scheduler")
        copies = {f"once-{secrets.token_hex(8)}": schedule for schedule in schedules}
        for copy, schedule in copies.items():
            scheduler.create_schedule(
                Name=copy,
                ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target=scheduler.get_schedule(Name=schedule)["Target"],
            )
        end = time.monotonic() + _FIRE_LIMIT.total_seconds()
        while copies.keys() & {each["Name"] for each in _schedules(scheduler)}:
            if time.monotonic() > end:
                raise StackError(f"{', '.join(schedules)} didn't fire within {_FIRE_LIMIT}.")
            time.sleep(0.05)

    def fire_drains(self) -> None:
        """Let the schedules that start the streams' runs fire once: see `fire`."""
        function = f":function:{self.outputs['DrainEventsFunctionName']}"
        self.fire(
            *(
                each["Name"]
                for each in _schedules(self._aws.client("scheduler"))
                if each["Target"]["Arn"].endswith(function)
            )
        )

    def runs(self, since: datetime | None = None) -> list[Run]:
        """Return the runs that have ended, oldest first; all, or those that began since a time."""
        pages = self._aws.client("logs").get_paginator("filter_log_events")
        messages = [
            event["message"]
            for page in pages.paginate(
                logGroupName=self.outputs["DrainEventsLogGroupName"],
                startTime=0 if since is None else round(since.timestamp() * 1000),
            )
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
        """Wait until at least ``count`` runs have ended.

        A `rate(1 minute)` schedule fires for the first time a minute after the deployment.

        Args:
            count: The number of runs since the deployment.
            limit: The maximum wait.
            on_wait: Called about twice a second while waiting, to show progress.

        Returns:
            All runs that have ended.

        Raises:
            StackError: Fewer runs ended in time. The message has the end of ministack's log.
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

    def read_outputs(self) -> None:
        """Read the outputs of a stack that somebody else has deployed."""
        stacks = self._aws.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        self._outputs = {
            output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])
        }


def _schedules(scheduler: EventBridgeSchedulerClient) -> list[ScheduleSummaryTypeDef]:
    pages = scheduler.get_paginator("list_schedules").paginate()
    return [schedule for page in pages for schedule in page["Schedules"]]


def _split_into_runs(messages: Sequence[str]) -> list[Run]:
    """Split a log into whole runs, each between Lambda's START and REPORT lines.

    A run may begin before the one that started it has ended: then a line belongs to the run that it
    names, else to the one that began last.
    """
    runs: list[Run] = []
    open_runs: dict[str, Run] = {}
    for message in messages:
        line = message.rstrip("\n")
        if found := re.match(r"(START|END|REPORT) RequestId: (\S+)", line):
            kind, request_id = found.groups()
            if kind == "START":
                open_runs[request_id] = Run(request_id)
            elif kind == "REPORT" and request_id in open_runs:
                runs.append(open_runs.pop(request_id))
        elif open_runs:
            named = [run for request_id, run in open_runs.items() if request_id in line]
            (named or [*open_runs.values()])[-1].lines.append(line)
    return runs
