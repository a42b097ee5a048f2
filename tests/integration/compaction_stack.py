"""Shared by the compaction's tests: a deployed stack with an archive, and its table."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from drainctl.catalogue import saved_queries
from simulator.catalogue import LocalCatalogue
from simulator.deployment import LocalDeployment
from tests.archive import ArchivePlan, made_up_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.archive import MadeUpLine

STREAM: Final = "handset_change"
QUIET: Final = "consent_change"
"""A stream without events."""
LATE_DAYS: Final = 2
CLOSED: Final = (datetime.now(UTC) - timedelta(hours=25)).date()
"""The last closed day; if a test run passes the next 01:00 UTC, there is one more."""
PLAN: Final = ArchivePlan(
    last_day=CLOSED + timedelta(days=1), events=1500, days=6, streams=(STREAM,), slice_minutes=1440
)


@dataclass
class Table:
    """The stream's table in the deployed stack, with a user's operations."""

    deployment: LocalDeployment

    def __post_init__(self) -> None:
        self.catalogue = LocalCatalogue(self.deployment)

    def rows(self, sql: str, *parameters: str) -> Sequence[tuple[str | None, ...]]:
        """Ask something."""
        return self.catalogue.rows(sql, *parameters)

    def ids_by_day(self) -> Counter[tuple[str, str]]:
        """Count the rows of the view by day and event id."""
        return Counter(
            (str(day), str(event_id))
            for day, event_id in self.rows(f"SELECT dt, event_id FROM {STREAM}")
        )

    def consistency_differences(self) -> Sequence[tuple[str | None, ...]]:
        """Run the saved query of the consistency check."""
        (check,) = [each for each in saved_queries() if each.name == f"seam_check.{STREAM}"]
        return self.rows(check.sql)

    def compact(self, event_type: str = STREAM, **more: str) -> dict[str, Any]:
        """Run the compaction, and return its status, and its output or error and cause."""
        return self.catalogue.compact(event_type, **more)

    def closed_days(self) -> dict[str, str]:
        """Return the folder of each registered day."""
        return self.catalogue.closed_days(STREAM)

    def files(self) -> list[str]:
        """Return the files of all folders, registered or not."""
        return [key for key, _ in self.deployment.archive_keys() if key.startswith("tables/")]

    def put_lines(self, day: str, name: str, lines: Sequence[str]) -> None:
        """Write an object as the drain does."""
        self.deployment.aws.client("s3").put_object(
            Bucket=self.deployment.stack.outputs["ArchiveBucketName"],
            Key=f"events/{STREAM}/dt={day}/{name}.ndjson.gz",
            Body=gzip.compress("".join(f"{line}\n" for line in lines).encode()),
        )

    def put_event(self, day: str, event_id: str) -> None:
        """Write an object with one event of a day, with only the required fields."""
        line: dict[str, Any] = {
            "event_id": event_id,
            "event_type": STREAM,
            "event_time": f"{day}T12:00:00Z",
            "subscription_id": None,
            "redelivered": False,
            "received_at": f"{day}T12:00:01.000Z",
            "event": {},
        }
        self.put_lines(day, event_id, [json.dumps(line)])

    def compacted_ids(self, day: str) -> Counter[str | None]:
        """Count the rows of a day in the compacted table by event id."""
        sql = f"SELECT event_id FROM {STREAM}_compacted WHERE dt = ?"
        return Counter(event_id for (event_id,) in self.rows(sql, f"'{day}'"))

    @contextmanager
    def machine(self, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Change the state machine during a block; running executions keep the old definition.

        Args:
            change: Changes the definition in place.
        """
        client = self.deployment.aws.client("stepfunctions")
        arn = self.deployment.stack.outputs["CompactionStateMachineArn"]
        definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
        changed = json.loads(definition)
        change(changed)
        client.update_state_machine(stateMachineArn=arn, definition=json.dumps(changed))
        try:
            yield
        finally:
            client.update_state_machine(stateMachineArn=arn, definition=definition)


@pytest.fixture(scope="module")
def table(built: Path) -> Iterator[Table]:
    """Return a stack with an archive of some days, and nothing compacted."""
    with LocalDeployment(built=built) as local:
        local.deploy(
            EventTypes=f"{STREAM},{QUIET}",
            ScheduleState="DISABLED",
            CompactionState="DISABLED",
            LateDays=str(LATE_DAYS),
        )
        s3 = local.aws.client("s3")
        for made_up in made_up_objects(PLAN):
            s3.put_object(
                Bucket=local.stack.outputs["ArchiveBucketName"],
                Key=made_up.key,
                Body=made_up.body(),
            )
        yield Table(local)


@pytest.fixture(scope="module")
def lines() -> list[MadeUpLine]:
    """Return the facts of the archive's lines."""
    return [line for made_up in made_up_objects(PLAN) for line in made_up.lines]


@pytest.fixture(scope="module")
def events(lines: list[MadeUpLine]) -> Counter[tuple[str, str]]:
    """Return the expected events of the view, by day and id, each once."""
    return Counter({(line.dt, line.event.event_id) for line in lines})


def day_before(day: date, days: int) -> str:
    """Return an earlier day in the tables' format."""
    return (day - timedelta(days=days)).isoformat()


def of_a_day(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the states that compact a day."""
    states: dict[str, Any] = definition["States"]["CompactDays"]["ItemProcessor"]["States"]
    return states
