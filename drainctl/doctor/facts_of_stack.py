"""How the stack was deployed, as values."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainctl.deploy_command import deploy_command
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

HISTORY_MINUTES: Final = 30
"""How far back the event server goes: what nobody fetched by then is gone (vendor's docs)."""


def scope_of(event_type: str) -> str:
    """Give the OAuth scope that a stream needs; empty for none."""
    stream = STREAMS.get(event_type)
    return "" if stream is None else stream.scope


@dataclass(frozen=True, slots=True)
class Stack:
    """What CloudFormation says of the stack.

    Attributes:
        name: Its name.
        arn: Its ARN.
        status: CloudFormation's word.
        reason: Why it has that status, if CloudFormation says.
        since: When it was made, or last changed.
        parameters: By name.
        outputs: By name.
    """

    name: str
    arn: str
    status: str
    reason: str
    since: datetime
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def event_types(self) -> tuple[str, ...]:
        """The streams that it drains."""
        named = self.parameters.get("EventTypes", "")
        return tuple(dict.fromkeys(name for name in named.split(",") if name))

    @property
    def topic_arn(self) -> str:
        """The topic that alarms are told to; empty for none."""
        return self._output_or_parameter("AlarmTopicArn", "AlarmTopicArn")

    @property
    def key_arn(self) -> str:
        """The customer's key that encrypts everything; empty for AWS's own keys."""
        return self._output_or_parameter("KeyArn", "KmsKeyArn")

    def number(self, parameter: str) -> int:
        """Give a parameter that is a number; 0 where it is none, or isn't there."""
        value = self.parameters.get(parameter, "")
        return int(value) if value.isdecimal() else 0

    def command(self, call: str, *options: str) -> str:
        """Give a command of the AWS CLI for whoever mends it."""
        region = self.arn.split(":")[3] if self.arn.count(":") > 3 else ""  # noqa: PLR2004 - of an ARN
        return shlex.join(
            ["aws", *call.split(), *options, *(("--region", region) if region else ())]
        )

    def deploy(self, **parameters: str) -> str:
        """Give what mends a parameter."""
        return deploy_command(parameters)

    def _output_or_parameter(self, output: str, parameter: str) -> str:
        return self.outputs.get(output) or self.parameters.get(parameter, "")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the stack or of one nested in it.

    Attributes:
        path: Its logical id, after those of the stacks that it is in: ``Compaction/Alarm``.
        kind: CloudFormation's type.
        physical_id: What it is called outside of the stack.
    """

    path: str
    kind: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it is deployed.

    Attributes:
        duty: What it does: ``drain`` or ``replay``.
        name: Its name.
        state: Lambda's word; ``Active`` is well.
        update: How its last update ended; ``Successful`` is well.
        reason: What Lambda says of either.
        layers: How many layers it has.
        timeout_seconds: Its time-out.
        reserved: How many runs at once are reserved for it; None for no reservation.
        account_left: How many runs at once the account has for functions without a reservation.
    """

    duty: str
    name: str
    state: str
    update: str
    reason: str
    layers: int
    timeout_seconds: int
    reserved: int | None
    account_left: int


@dataclass(frozen=True, slots=True)
class Key:
    """The key that encrypts everything: its state in KMS's word, and whether it is rotated."""

    arn: str
    state: str
    is_rotated: bool


@dataclass(frozen=True, slots=True)
class Topic:
    """The topic that alarms are told to: how many subscriptions it has. Nobody's address."""

    arn: str
    confirmed: int
    pending: int
