"""The catalogue of a deployed stack, as a user works with it: query, compact, list."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from drainctl.verify import Athena

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.deployment import LocalDeployment

_ALL_ROWS: Final = 1_000_000
_LIMIT: Final = timedelta(minutes=2)


class CompactionNotEndedError(Exception):
    """A compaction did not end in time."""


class LocalCatalogue:
    """The catalogue of a stack in the embedded AWS.

    Args:
        deployment: The stack, which must be deployed before a method is called.
    """

    def __init__(self, deployment: LocalDeployment) -> None:
        self._deployment = deployment

    @cached_property
    def athena(self) -> Athena:
        """A client for the stack's database and workgroup."""
        outputs = self._deployment.stack.outputs
        client = self._deployment.aws.client("athena")
        return Athena(client, outputs["DatabaseName"], outputs["WorkGroupName"])

    def rows(self, sql: str, *parameters: str) -> Sequence[tuple[str | None, ...]]:
        """Run a query, and return all rows.

        Args:
            sql: One statement.
            parameters: A literal for each ``?``.

        Raises:
            QueryError: The query failed.
        """
        return self.athena.ask(sql, parameters, keep_rows=_ALL_ROWS).rows

    def compact(self, event_type: str, **more: str) -> dict[str, Any]:
        """Run the compaction of a stream, and wait for its end; see ``start`` and ``ended``."""
        return self.ended(self.start(event_type, **more))

    def start(self, event_type: str, **more: str) -> str:
        """Start the compaction of a stream, and return the ARN of the execution.

        Args:
            event_type: The stream.
            more: More of its input: ``since``, ``through``.
        """
        execution: str = self._deployment.aws.client("stepfunctions").start_execution(
            stateMachineArn=self._deployment.stack.outputs["CompactionStateMachineArn"],
            input=json.dumps({"event_type": event_type, **more}),
        )["executionArn"]
        return execution

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for the end of a compaction.

        Returns:
            Step Functions' description of the execution, with the output read.

        Raises:
            CompactionNotEndedError: It still runs after two minutes.
        """
        client = self._deployment.aws.client("stepfunctions")
        end = time.monotonic() + _LIMIT.total_seconds()
        while (description := client.describe_execution(executionArn=execution))[
            "status"
        ] == "RUNNING":
            if time.monotonic() > end:
                raise CompactionNotEndedError(f"{execution} still runs after {_LIMIT}")
            time.sleep(0.1)
        return {**description, "output": json.loads(description.get("output", "{}"))}

    def closed_days(self, event_type: str) -> dict[str, str]:
        """Return the folder of each registered day of a stream."""
        partitions = self._deployment.aws.client("glue").get_partitions(
            DatabaseName=self._deployment.stack.outputs["DatabaseName"],
            TableName=f"{event_type}_compacted",
        )["Partitions"]
        return {each["Values"][0]: each["StorageDescriptor"]["Location"] for each in partitions}
