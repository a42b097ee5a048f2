"""Where a deployed stack keeps and sends its events, as CloudFormation tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drainctl.described_stack import described_stack, outputs_of
from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from boto3.session import Session


@dataclass(frozen=True, slots=True)
class Stack:
    """What a replay needs to know of a stack.

    Attributes:
        name: Its name.
        outputs: By name.
        parameters: By name.
    """

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @classmethod
    def named(cls, session: Session, name: str) -> Stack:
        """Ask CloudFormation.

        Raises:
            StackUnusable: There is no such stack, or CloudFormation can't be asked.
        """
        found = described_stack(session, name)
        return cls(
            name,
            outputs_of(found),
            {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", ())},
        )

    @property
    def bucket(self) -> str:
        """The archive's bucket."""
        return self._known(self.outputs, "ArchiveBucketName", "output", "give --bucket")

    @property
    def prefix(self) -> str:
        """What the archive's keys begin with."""
        return self._known(self.parameters, "ArchivePrefix", "parameter", "give --prefix")

    @property
    def events_per_message(self) -> int:
        """How many events its drain puts into a message."""
        hint = "give --events-per-message"
        return int(self._known(self.parameters, "EventsPerMessage", "parameter", hint))

    @property
    def event_types(self) -> tuple[str, ...]:
        """The streams that it drains."""
        hint = "give --stream"
        return tuple(self._known(self.parameters, "EventTypes", "parameter", hint).split(","))

    def queue_urls(self, event_types: Iterable[str]) -> dict[str, str]:
        """Give where the events of each stream go.

        Raises:
            ConfigurationError: A stream has no queue.
        """
        if self.parameters.get("QueuePerStream") != "true":
            url = self._known(self.outputs, "OutboxQueueUrl", "output", "give --queue-url")
            return dict.fromkeys(event_types, url)
        return {
            name: self._known(
                self.outputs,
                f"{name.title().replace('_', '')}QueueUrl",
                "output",
                f"choose among the streams that it drains ({', '.join(self.event_types)}), or give"
                " --queue-url for others",
            )
            for name in event_types
        }

    def _known(self, values: Mapping[str, str], name: str, kind: str, hint: str) -> str:
        value = values.get(name, "")
        if not value:
            raise ConfigurationError(
                f"the stack {self.name!r} has no {kind} {name}", hint=hint, setting=name
            )
        return value
