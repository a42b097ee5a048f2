"""Deployed stacks, as CloudFormation describes them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.errors import CommandError
from drainctl.shell import aws_command
from eventdrain.adapters.boto import describe_error, error_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from boto3.session import Session
    from botocore.config import Config

CALL_HINT: Final = "check --profile, --region, that you are logged in, and the network"
_HINT: Final = (
    "check --profile and --region, that you are logged in, and that you have this permission"
)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_DEPLOY: Final = "deploy the stack from this version: sam build && sam deploy"
_OWN: Final = "EventTypes"
"""A parameter that event drains of all versions have, even those whose deployment failed."""


class StackError(CommandError):
    """The stack does not exist, or it lacks a required parameter or output."""


class NoSuchStack(StackError):
    """The stack does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployed stack.

    Attributes:
        name: The stack's name.
        parameters: The parameters' values by name.
        outputs: The outputs' values by name.
        arn: The stack's ARN.
        status: CloudFormation's status, such as ``UPDATE_COMPLETE``.
        reason: CloudFormation's reason for the status, if any.
        since: When the stack was last updated, or else created.
        region: The stack's AWS region.
        profile: The profile for commands to print; None for the default.
    """

    name: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    arn: str = ""
    status: str = ""
    reason: str = ""
    since: datetime = _LONG_AGO
    region: str | None = None
    profile: str | None = None

    @classmethod
    def described(
        cls, session: Session, name: str, config: Config | None = None, profile: str | None = None
    ) -> Stack:
        """Return a stack. Errors do not repeat CloudFormation's text, which may name the caller.

        Args:
            session: The session of the command.
            name: The stack's name.
            config: The client's configuration; None for boto3's default.
            profile: The profile of the session, for commands to print.

        Raises:
            NoSuchStack: The stack does not exist.
            StackError: CloudFormation can't be called, or the stack is another product's.
        """
        try:
            client = session.client("cloudformation", config=config)
            (found,) = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                raise NoSuchStack(
                    f"reading the stack {name} failed: it does not exist in {session.region_name}",
                    "check --stack-name, --region and --profile",
                ) from None
            raise StackError(
                f"reading the stack {name} failed: cloudformation:DescribeStacks returned"
                f" {describe_error(error)}",
                error_hint(error, _HINT),
            ) from None
        except (BotoCoreError, ValueError) as error:
            raise StackError(f"reading the stack {name} failed: {error}", CALL_HINT) from None
        parameters = {
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in found.get("Parameters", ())
        }
        # A stack whose first change set was not confirmed has no parameters yet.
        if _OWN not in parameters and found["StackStatus"] != "REVIEW_IN_PROGRESS":
            raise StackError(
                f"the stack {name} in {session.region_name} is not an event drain",
                "check --stack-name, --region and --profile",
            )
        return cls(
            name=name,
            parameters=parameters,
            outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())},
            arn=found.get("StackId", ""),
            status=found["StackStatus"],
            reason=found.get("StackStatusReason", ""),
            since=found.get("LastUpdatedTime") or found["CreationTime"],
            region=session.region_name,
            profile=profile,
        )

    def output(self, name: str, hint: str = _DEPLOY) -> str:
        """Return the value of an output.

        Raises:
            StackError: The stack has no such output.
        """
        return self._known(self.outputs, "output", name, hint)

    def parameter(self, name: str, hint: str = _DEPLOY) -> str:
        """Return the value of a parameter.

        Raises:
            StackError: The stack has no such parameter, or its value is empty.
        """
        return self._known(self.parameters, "parameter", name, hint)

    def number(self, parameter: str) -> int:
        """Return the value of a numeric parameter; 0 if it is missing or not a number."""
        value = self.parameters.get(parameter, "")
        return int(value) if value.isdecimal() else 0

    def aws(self, call: str, *options: str) -> str:
        """Return an AWS CLI command for the stack's region and profile, to paste into a shell."""
        return aws_command(call, *options, region=self.region, profile=self.profile)

    def make(self, command: str) -> str:
        """Return a command of the Makefile for the stack, its region and profile, to be pasted."""
        named = (("--region", self.region), ("--profile", self.profile))
        where = " ".join(f"{option} {shlex.quote(value)}" for option, value in named if value)
        return f"make {command} STACK={self.name}" + (f' ARGS="{where}"' if where else "")

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types of the streams that the stack drains."""
        names = self.parameter("EventTypes", "specify --stream").split(",")
        return tuple(dict.fromkeys(filter(None, names)))

    @property
    def bucket(self) -> str:
        """The archive's bucket."""
        return self.output("ArchiveBucketName", "specify --bucket")

    @property
    def prefix(self) -> str:
        """The key prefix of the archive."""
        return self.parameter("ArchivePrefix", "specify --prefix")

    def queue_urls(self, event_types: Iterable[str]) -> dict[str, str]:
        """Return the URL of each stream's queue.

        Raises:
            StackError: A stream has no queue.
        """
        if self.parameters.get("QueuePerStream") != "true":
            url = self.output("OutboxQueueUrl", "specify --queue-url")
            return dict.fromkeys(event_types, url)
        return {
            name: self.output(
                f"{name.title().replace('_', '')}QueueUrl",
                f"select streams that the stack drains ({', '.join(self.event_types)}), or specify"
                " --queue-url",
            )
            for name in event_types
        }

    def _known(self, values: Mapping[str, str], kind: str, name: str, hint: str) -> str:
        if value := values.get(name, ""):
            return value
        raise StackError(f"the stack {self.name} has no {kind} {name}", hint)
