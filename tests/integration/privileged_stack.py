"""Shared by the tests of permissions: a deployed stack, its jobs, and their errors."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from eventdrain.adapters.aws import SecretsManager
from eventdrain.adapters.boto import BotoSecretCalls
from eventdrain.auth import read_pseudonyms
from eventdrain.events import STREAMS, PointerReason
from simulator.catalogue import LocalCatalogue
from simulator.deployment import LocalDeployment
from simulator.event_server import made_up_events
from simulator.reconciliation import Reconciliation, message_lines, take_messages
from tests.deliveries import EventReader
from tests.integration.rights import Rights
from tests.schema_checks import check_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from simulator.aws import Run
    from simulator.event_server import Event

STREAM: Final = "handset_change"
MOST_EVENTS: Final = 2
"""The limit of a run, small so that few events make a backlog."""
BACKLOG_RUNS: Final = 2
"""The number of runs that follow one which leaves a backlog."""


@dataclass
class PrivilegedStack:
    """A deployed stack of one stream, whose runs only the test starts.

    Attributes:
        deployment: The stack and its servers.
        rights: The permissions of its roles.
    """

    deployment: LocalDeployment
    rights: Rights
    _seed: int = 0
    _archived: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _queued: Counter[str] = field(default_factory=Counter)

    @classmethod
    @contextmanager
    def deployed(cls, built: Path) -> Iterator[PrivilegedStack]:
        """Deploy a stack with all parameters that need more permissions, and with credentials."""
        with LocalDeployment(built=built) as local:
            local.deploy(
                EventTypes=STREAM,
                ScheduleState="DISABLED",
                CompactionState="DISABLED",
                LinesRetentionDays="30",
                ObjectLockDays="1",
                Pseudonymise="true",
                Tracing="Active",
                IdleSeconds="1",
                MaxEvents=str(MOST_EVENTS),
                BacklogRuns=str(BACKLOG_RUNS),
            )
            local.stack.put_credentials(local.credentials)
            # The embedded CloudFormation ignores this property of a bucket.
            local.aws.client("s3").put_object_lock_configuration(
                Bucket=local.stack.outputs["ArchiveBucketName"],
                ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
            )
            yield cls(local, Rights(local.aws, local.stack.name))

    def publish(self, count: int = 1, make: Callable[[Event], Event] = lambda event: event) -> None:
        """Publish new events, each changed by ``make``."""
        self._seed += 1
        self.deployment.event_server.publish(
            make(event) for event in made_up_events(STREAM, count, seed=self._seed)
        )

    def drain(self, *, is_last: bool = False) -> tuple[list[Run], str]:
        """Run the function, and wait for the runs that it starts.

        Args:
            is_last: Whether to run it as the last one for a backlog, which starts no other.

        Returns:
            The runs, and the failed calls in their logs; empty if there are none.
        """
        before = len(self.deployment.stack.runs())
        invocation = self.deployment.stack.invoke(
            {"event_type": STREAM, "backlog_run": BACKLOG_RUNS if is_last else 0}
        )
        runs = self.runs_since(before)
        complaints = "\n".join(_complaint(run) for run in runs).strip()
        if invocation.error is not None:
            assert invocation.payload["errorMessage"] in complaints, "the log has the error too"
        return runs, complaints

    @contextmanager
    def without_credentials(self) -> Iterator[None]:
        """Empty the credentials secret for the length of a ``with`` block."""
        secrets = self.deployment.aws.client("secretsmanager")
        arn = self.deployment.stack.outputs["CredentialsSecretArn"]
        version = secrets.get_secret_value(SecretId=arn)["VersionId"]
        secrets.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", RemoveFromVersionId=version
        )
        try:
            yield
        finally:
            self.deployment.stack.put_credentials(self.deployment.credentials)

    def runs_since(self, before: int) -> list[Run]:
        """Wait for the end of a run, and of all runs that it started directly or indirectly."""
        runs: list[Run] = []
        while len(runs) < (wanted := 1 + _started_by(runs)):
            runs = self.deployment.stack.wait_for_runs(before + wanted)[before:]
        return runs

    def replay(self, **event: Any) -> dict[str, Any]:
        """Run the replay function; its messages are kept apart from the drain's."""
        self._collect_messages()
        answer = self.deployment.aws.client("lambda").invoke(
            FunctionName=self.deployment.stack.outputs["ReplayEventsFunctionName"],
            Payload=json.dumps(event).encode(),
        )
        report: dict[str, Any] = json.loads(answer["Payload"].read())
        assert answer.get("FunctionError") is None, report
        report["messages"] = len(self.deployment.take_messages())
        return report

    def compact(self) -> dict[str, Any]:
        """Run the compaction, and return its result."""
        return LocalCatalogue(self.deployment).compact(STREAM)

    def fire(self, schedule: str) -> None:
        """Let one of the stack's schedules fire once, now."""
        self.deployment.stack.fire(self.rights.named("AWS::Scheduler::Schedule")[schedule])

    def failed_starts(self) -> list[str]:
        """Receive and delete the reports of failed starts in the dead-letter queue."""
        url = self.deployment.stack.outputs["ScheduleDeadLetterQueueUrl"]
        return [
            message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
            for message in take_messages(self.deployment.aws.client("sqs"), url)
        ]

    def reconciled(self) -> Reconciliation:
        """Reconcile all events so far, including those in quarantine."""
        self._collect_messages()
        s3 = self.deployment.aws.client("s3")
        bucket = self.deployment.stack.outputs["ArchiveBucketName"]
        for key, _ in self.deployment.archive_keys():
            if key not in self._archived and key.startswith(("events/", "quarantine/")):
                body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                text = gzip.decompress(body) if key.endswith(".gz") else body
                self._archived[key] = [json.loads(each) for each in text.splitlines()]
        archived = [entry for entries in self._archived.values() for entry in entries]
        for entry in archived:
            check_line(entry)
        ledger = self.deployment.event_server.ledger()
        ids = {number: self._ids(each.event, archived) for number, each in ledger.events.items()}
        return Reconciliation(
            published=set().union(*ids.values()),
            acked=set().union(*(ids[number] for number in ledger.acked)),
            archived=Counter(entry["event_id"] for entry in archived),
            queued=self._queued,
        )

    @cached_property
    def _reader(self) -> EventReader:
        arn = self.deployment.stack.outputs["PseudonymKeySecretArn"]
        client = self.deployment.aws.client("secretsmanager")
        secrets = SecretsManager(lambda: BotoSecretCalls(client))
        return EventReader(STREAMS[STREAM], read_pseudonyms(secrets, arn))

    def _ids(self, event: Event, archived: Sequence[dict[str, Any]]) -> set[str]:
        """Return the id of an event; if it can't be read, its ids in quarantine."""
        delivery = self._reader.read(event.undelivered, datetime.now(UTC))
        if delivery.pointer is not PointerReason.QUARANTINE:
            return {delivery.event_id}
        payload = event.payload or b""
        return {
            entry["event_id"]
            for entry in archived
            if "reason" in entry and payload in b64decode(entry["raw"])
        } or {f"not in quarantine: {hash(payload)}"}

    def _collect_messages(self) -> None:
        self._queued.update(
            line["event_id"]
            for message in self.deployment.take_messages()
            for line in message_lines(message["Body"])
        )


def _started_by(runs: list[Run]) -> int:
    return sum("start" in record for run in runs for record in run.records)


def _complaint(run: Run) -> str:
    """Return the failed calls in a run's log, whether or not they ended the run.

    Lines that aren't records are Lambda's: it couldn't start a run, or stopped it.
    """
    texts = (
        " ".join(
            [
                str(record["message"]),
                str(record.get("reason", "")),
                str(record.get("report", {}).get("error") or ""),
                str(record.get("exception", "")),
            ]
        )
        for record in run.records
        if record.get("level") in {"WARNING", "ERROR", "CRITICAL"}
    )
    foreign = [line for line in run.lines if line and not line.startswith("{")]
    return "\n".join([*(text for text in texts if "failed" in text), *foreign])
