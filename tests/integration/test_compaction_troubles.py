"""Compactions with interference: other runs, manual changes, failures, deletions.

The tests of this module share one deployment and depend on their order.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from drainctl.catalogue import CANDIDATES
from tests.integration.compaction_stack import (
    CLOSED,
    STREAM,
    Table,
    day_before,
    of_a_day,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.release


@pytest.fixture(scope="module", autouse=True)
def closed_days(table: Table) -> None:
    """Compact all closed days."""
    assert table.compact()["status"] == "SUCCEEDED"


def test_day_whose_counts_differ_is_not_registered(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """If the written rows differ from the counted events, the run fails and changes nothing."""
    before = table.closed_days()
    day = CLOSED.isoformat()
    table.put_event(day, "e" * 32)
    events[day, "e" * 32] += 1

    with candidates_elsewhere(table):
        ended = table.compact()

    assert (ended["status"], ended["error"]) == ("FAILED", "DayNotCompacted")
    assert f"{STREAM} of {day} has " in ended["cause"]
    assert "0 rows of 0 events were written" in ended["cause"]
    assert table.closed_days() == before
    assert table.ids_by_day() == events

    assert table.compact()["output"]["days_written"] == 1
    assert table.ids_by_day() == events


@contextmanager
def candidates_elsewhere(table: Table) -> Iterator[None]:
    """Point the table that counts new folders to an empty location."""
    glue: Any = table.deployment.aws.client("glue")
    database = table.deployment.stack.outputs["DatabaseName"]
    candidates = glue.get_table(DatabaseName=database, Name=CANDIDATES)["Table"]
    names = ("Name", "TableType", "PartitionKeys", "StorageDescriptor", "Parameters")
    is_right = {name: candidates[name] for name in names}
    template = "s3://elsewhere/${event_type}/${dt}/${run}/"
    parameters = {**is_right["Parameters"], "storage.location.template": template}
    glue.update_table(DatabaseName=database, TableInput={**is_right, "Parameters": parameters})
    try:
        yield
    finally:
        glue.update_table(DatabaseName=database, TableInput=is_right)


def test_run_that_is_overtaken_counts_again(table: Table, events: Counter[tuple[str, str]]) -> None:
    """Of two concurrent runs over a day, the slower one doesn't register what it wrote.

    Otherwise the day would lose events that arrived in between, whose lines the faster run may have
    deleted.
    """
    day = CLOSED.isoformat()
    table.put_event(day, "c" * 32)
    with table.machine(hold_before_registering):
        slow = table.catalogue.start(STREAM)
        wait_for(lambda: any(slow.rpartition(":")[2] in key for key in table.files()))
    table.put_event(day, "d" * 32)
    events.update([(day, "c" * 32), (day, "d" * 32)])
    assert table.compact()["output"]["days_written"] == 1

    table.deployment.aws.client("s3").put_object(
        Bucket=table.deployment.stack.outputs["ArchiveBucketName"], Key=RELEASED, Body=b""
    )
    assert table.catalogue.ended(slow)["status"] == "SUCCEEDED"

    assert table.compacted_ids(day) == {each: 1 for dt, each in events if dt == day}
    assert table.ids_by_day() == events


RELEASED: Final = "released"


def hold_before_registering(definition: dict[str, Any]) -> None:
    """Let a run wait, after counting what it has written, until an object exists."""
    states = of_a_day(definition)
    (agree,) = states["DoCountsAgree"]["Choices"]
    states["Hold"] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2",
        "Arguments": {**states["DeleteLines"]["ItemReader"]["Arguments"], "Prefix": RELEASED},
        "Assign": {"released": "{% $states.result.KeyCount %}"},
        "Next": "IsReleased",
    }
    states["IsReleased"] = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $released > 0 %}", "Next": agree["Next"]}],
        "Default": "Hold",
    }
    agree["Next"] = "Hold"


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until a condition holds, for at most a minute."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_folder_above_the_new_one_is_not_deleted(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """A partition with all folders of a day, as `MSCK REPAIR TABLE` makes it, is replaced safely.

    It may have rows twice, and contains the folder that replaces it, which must not be deleted.
    """
    day = day_before(CLOSED, 1)
    glue: Any = table.deployment.aws.client("glue")
    names = {
        "DatabaseName": table.deployment.stack.outputs["DatabaseName"],
        "TableName": f"{STREAM}_compacted",
    }
    partition = glue.get_partition(**names, PartitionValues=[day])["Partition"]
    whole_day = table.closed_days()[day].split(f"dt={day}/")[0] + f"dt={day}/"
    glue.update_partition(
        **names,
        PartitionValueList=[day],
        PartitionInput={
            "Values": [day],
            "StorageDescriptor": {**partition["StorageDescriptor"], "Location": whole_day},
        },
    )
    table.put_event(day, "b" * 32)
    events[day, "b" * 32] += 1
    assert table.compact()["output"]["days_written"] == 1

    assert table.compacted_ids(day) == {each: 1 for dt, each in events if dt == day}
    assert table.ids_by_day() == events


def test_lines_are_deleted_only_where_they_are_compacted(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """With a retention, lines of older closed days are deleted after a check; the view is the same.

    Lines younger than an hour stay. As all lines here are, the test changes the state machine's
    limit. If lines can't be deleted, the run fails with an error that says so.
    """
    table.deployment.deploy(LinesRetentionDays="2")
    assert table.compact()["status"] == "SUCCEEDED"
    kept = line_days(table)
    assert kept == {day for day, _ in events}, "all lines are younger than an hour"

    def elsewhere(definition: dict[str, Any]) -> None:
        delete_all(definition)
        states = of_a_day(definition)["DeleteLines"]["ItemProcessor"]["States"]
        states["DeleteObjects"]["Arguments"]["Bucket"] = "there-is-no-such-bucket"

    with table.machine(elsewhere):
        ended = table.compact()
    assert (ended["status"], ended["error"]) == ("FAILED", "LinesNotDeleted")
    assert ended["cause"].startswith(f"{STREAM} of ")
    assert "is compacted, and its lines could not be deleted: " in ended["cause"]
    assert line_days(table) == kept

    with table.machine(delete_all):
        ended = table.compact()

    assert ended["status"] == "SUCCEEDED", ended
    first_kept = day_before(datetime.now(UTC).date(), 2)
    assert line_days(table) == {day for day in kept if day >= first_kept}
    assert table.ids_by_day() == events
    assert table.consistency_differences() == ()
    assert table.compact()["output"]["days_written"] == 0


def delete_all(definition: dict[str, Any]) -> None:
    """Change the limit of an hour, so that new objects are old enough."""
    batch = of_a_day(definition)["DeleteLines"]["ItemBatcher"]["BatchInput"]
    assert batch == {"before": "{% $started / 1000 - 3600 %}"}
    batch["before"] = "{% $started / 1000 + 3600 %}"


def line_days(table: Table) -> set[str]:
    """Return the days that have lines."""
    keys = [key for key, _ in table.deployment.archive_keys() if key.startswith("events/")]
    return {key.split("/")[2].removeprefix("dt=") for key in keys}
