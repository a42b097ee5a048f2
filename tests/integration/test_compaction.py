"""The compaction of the deployed stack: its own state machine, its statements, its tables.

The state machine runs in the embedded AWS, which runs Athena's statements on DuckDB over the
bucket's objects. One deployment serves all tests of this module, in their order.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.streams import STREAMS
from tests.archive import expected
from tests.archive.objects import made_up_objects
from tests.archive.plan import ArchivePlan
from tests.local.catalogue import LocalCatalogue
from tests.local.deployment import LocalDeployment
from tests.local.embedded_aws import PROJECT_FOLDER
from tools.catalogue.statements import ALL_OPEN, CANDIDATES, replace_view
from tools.saved_queries import saved_queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.archive.facts import MadeUpLine

STREAM: Final = "handset_change"
QUIET: Final = "consent_change"
"""A stream that never had an event."""
LATE_DAYS: Final = 2
ALL_ROWS: Final = 100_000
CLOSED: Final = (datetime.now(UTC) - timedelta(hours=25)).date()
"""The last day that is closed; a test run that crosses the next 01:00 UTC has one more."""
PLAN: Final = ArchivePlan(
    last_day=CLOSED + timedelta(days=1), events=1500, days=6, streams=(STREAM,), slice_minutes=1440
)


@dataclass
class Table:
    """The stream's table in the deployed stack: what a person can do with it."""

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

    def seam_differences(self) -> Sequence[tuple[str | None, ...]]:
        """Ask the saved query that an operator checks the seam with."""
        (check,) = [each for each in saved_queries() if each.name == f"seam_check.{STREAM}"]
        return self.rows(check.sql)

    def compact(self, event_type: str = STREAM, **more: str) -> dict[str, Any]:
        """Run the compaction, and give how it ended: its status, output or error and cause."""
        return self.catalogue.compact(event_type, **more)

    def closed_days(self) -> dict[str, str]:
        """Give where each registered day has its folder."""
        return self.catalogue.closed_days(STREAM)

    def files(self) -> list[str]:
        """List the files of all folders, registered or not."""
        return [key for key, _ in self.deployment.archive_keys() if key.startswith("tables/")]

    def put_lines(self, day: str, name: str, lines: Sequence[str]) -> None:
        """Write an object as the drain would."""
        self.deployment.aws.client("s3").put_object(
            Bucket=self.deployment.stack.outputs["ArchiveBucketName"],
            Key=f"events/{STREAM}/dt={day}/{name}.ndjson.gz",
            Body=gzip.compress("".join(f"{line}\n" for line in lines).encode()),
        )


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Give a stack with an archive of some days, and nothing compacted."""
    with LocalDeployment() as local:
        local.build()
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
    """Give the facts of the archive's lines."""
    return [line for made_up in made_up_objects(PLAN) for line in made_up.lines]


@pytest.fixture(scope="module")
def events(lines: list[MadeUpLine]) -> Counter[tuple[str, str]]:
    """Give the events that the view shall have, by day and id, each once."""
    return Counter({(line.dt, line.event.event_id) for line in lines})


def day_before(day: date, days: int) -> str:
    """Give an earlier day as the tables have it."""
    return (day - timedelta(days=days)).isoformat()


def test_catalogue_answers_before_any_compaction(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """As soon as there are lines the view has their events, each once."""
    assert table.ids_by_day() == events
    assert table.seam_differences() == ()


def test_closed_days_are_compacted(
    table: Table, lines: list[MadeUpLine], events: Counter[tuple[str, str]]
) -> None:
    """A run registers each closed day with its events, and leaves the open one alone."""
    ended = table.compact()
    closed = sorted({line.dt for line in lines if line.dt <= CLOSED.isoformat()})
    assert ended["status"] == "SUCCEEDED", ended
    assert ended["output"]["days_written"] == len(closed)
    assert sorted(table.closed_days()) == closed
    rows = table.rows(f"SELECT dt, event_id FROM {STREAM}_compacted")
    assert Counter(rows) == Counter(
        {pair: count for pair, count in events.items() if pair[0] <= CLOSED.isoformat()}
    )


def test_view_spans_the_seam(table: Table, events: Counter[tuple[str, str]]) -> None:
    """Closed and open days together have each event once: none missing, none twice."""
    assert table.ids_by_day() == events
    assert table.seam_differences() == ()


def test_rows_say_what_the_lines_said(table: Table, lines: list[MadeUpLine]) -> None:
    """Every column of a compacted day is what was worked out from the facts, without SQL."""
    day = day_before(CLOSED, 1)
    want = expected.view_rows(expected.events_of(lines), STREAM, day)
    names = "event_id, copies, subscription_id, redelivered, current_imei, number"
    rows = table.rows(f"SELECT {names} FROM {STREAM} WHERE dt = ? ORDER BY event_id", f"'{day}'")
    assert len(want) > 100
    assert [
        (row[0], str(row[1]), row[3], str(row[4]).lower(), row[8], row[11]) for row in want
    ] == list(rows)


def test_rows_are_sorted(table: Table) -> None:
    """A file has the rows of a subscription side by side, in the order of time."""
    day = day_before(CLOSED, 1)
    rows = table.rows(
        f"SELECT subscription_id, event_time FROM {STREAM}_compacted WHERE dt='{day}'"
    )
    assert len(rows) > 100
    assert list(rows) == sorted(rows, key=lambda row: tuple((it is None, it or "") for it in row))


def test_second_run_does_nothing(table: Table) -> None:
    """A run over days that are whole writes and moves nothing."""
    before = table.closed_days(), table.files()
    ended = table.compact(since=PLAN.first_day.isoformat())
    assert ended["output"]["days_checked"] == len(before[0])
    assert ended["output"]["days_written"] == 0
    assert (table.closed_days(), table.files()) == before


def test_late_event_is_seen_at_once_and_merged_by_the_next_run(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """An event for a closed day is in the view when it comes, and in the table after the run.

    The folder of before is gone then, and a new copy of an old event is no new row.
    """
    day = CLOSED.isoformat()
    (line,) = table.rows(
        f"SELECT event_id, subscription_id FROM {STREAM} WHERE dt = '{day}' LIMIT 1"
    )
    late = {
        "event_id": "f" * 32,
        "event_type": STREAM,
        "event_time": f"{day}T12:00:00Z",
        "subscription_id": "madeup:late",
        "redelivered": False,
        "received_at": f"{day}T23:59:59.999Z",
        "event": {"current": {"imei_sv": {"imei": "001001000000015"}}},
    }
    copy = {**late, "event_id": line[0], "subscription_id": line[1], "redelivered": True}
    table.put_lines(day, "late", [json.dumps(late), json.dumps(copy)])
    events[day, "f" * 32] += 1

    assert table.ids_by_day() == events
    before = table.closed_days()
    assert table.compact()["output"]["days_written"] == 1
    after = table.closed_days()

    assert {each for each in after if after[each] != before[each]} == {day}
    assert table.ids_by_day() == events
    assert table.seam_differences() == ()
    assert {key.split("/")[3] for key in table.files() if f"dt={day}" in key} == {
        after[day].split("/")[-2]
    }
    ((copies,),) = table.rows(f"SELECT copies FROM {STREAM} WHERE event_id = ?", f"'{line[0]}'")
    assert int(str(copies)) >= 2


def test_view_is_right_wherever_the_seam_is(table: Table, events: Counter[tuple[str, str]]) -> None:
    """Days that are registered and not yet behind the seam, as within a run, don't count twice."""
    for since in (ALL_OPEN, day_before(CLOSED, 3)):
        table.rows(replace_view(STREAMS[STREAM]).replace("{since}", since))
        assert table.ids_by_day() == events
    assert table.seam_differences() == ()


def test_day_whose_counts_differ_is_not_registered(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """Where what was written isn't what was counted the run fails, and nothing else changes."""
    before = table.closed_days()
    day = day_before(CLOSED, 1)
    table.put_lines(
        day,
        "another",
        [
            json.dumps(
                {
                    "event_id": "e" * 32,
                    "event_type": STREAM,
                    "event_time": f"{day}T12:00:00Z",
                    "subscription_id": None,
                    "redelivered": False,
                    "received_at": f"{day}T12:00:01.000Z",
                    "event": {},
                }
            )
        ],
    )
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
    """Let the table that new folders are counted through look where there are none."""
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


def test_lines_are_deleted_only_where_they_are_compacted(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """With a retention, lines of older closed days go once they are checked; the view has them all.

    Lines that are younger than an hour stay, and here all are: so the machine's margin is moved.
    """
    table.deployment.deploy(LinesRetentionDays="2")
    assert table.compact()["status"] == "SUCCEEDED"
    kept = line_days(table)
    assert kept == {day for day, _ in events}, "all lines are younger than an hour"

    machine = table.deployment.stack.outputs["CompactionStateMachineArn"]
    client = table.deployment.aws.client("stepfunctions")
    definition = client.describe_state_machine(stateMachineArn=machine)["definition"]
    moved = definition.replace("$started / 1000 - 3600", "$started / 1000 + 3600")
    assert moved != definition
    client.update_state_machine(stateMachineArn=machine, definition=moved)
    ended = table.compact()

    assert ended["status"] == "SUCCEEDED", ended
    first_kept = day_before(datetime.now(UTC).date(), 2)
    assert line_days(table) == {day for day in kept if day >= first_kept}
    assert table.ids_by_day() == events
    assert table.seam_differences() == ()
    assert table.compact()["output"]["days_written"] == 0


def line_days(table: Table) -> set[str]:
    """Give the days that have lines."""
    keys = [key for key, _ in table.deployment.archive_keys() if key.startswith("events/")]
    return {key.split("/")[2].removeprefix("dt=") for key in keys}


def test_stream_without_events(table: Table) -> None:
    """A stream that never had an event compacts nothing, and its view answers with no rows."""
    ended = table.compact(QUIET)
    assert (ended["status"], ended["output"]["days_checked"]) == ("SUCCEEDED", 0)
    assert table.rows(f"SELECT number, revoked, added_scopes FROM {QUIET}") == ()


def test_unknown_stream_is_named(table: Table) -> None:
    """A run over a stream that doesn't exist fails, and says which do."""
    ended = table.compact("sim_swap")
    assert (ended["status"], ended["error"]) == ("FAILED", "UnknownStream")
    assert STREAM in ended["cause"]


def test_verify_tells_that_all_is_well(table: Table) -> None:
    """The operator's command runs every saved query and the seam check, and ends with 0."""
    completed = verify(table)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    for query in saved_queries():
        assert query.name in completed.stdout


def test_verify_names_a_day_that_is_missing(table: Table) -> None:
    """A seam that hides lines is found: day, the command that mends it, and status say so."""
    today = PLAN.last_day.isoformat()
    tomorrow = (PLAN.last_day + timedelta(days=1)).isoformat()
    table.rows(replace_view(STREAMS[STREAM]).replace("{since}", tomorrow))
    completed = verify(table, "--query", f"seam_check.{STREAM}")
    assert completed.returncode == 1, completed.stdout + completed.stderr
    assert today in completed.stdout
    assert "start-execution" in completed.stdout

    assert table.compact(since=today)["status"] == "SUCCEEDED"
    assert verify(table, "--query", f"seam_check.{STREAM}").returncode == 0


def verify(table: Table, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator would."""
    layers = os.pathsep.join(
        str(PROJECT_FOLDER / "layers" / each) for each in ("wgtwo", "eventdrain")
    )
    return subprocess.run(
        [
            *(sys.executable, "-m", "tools.verify"),
            *("--stack-name", table.deployment.stack.name),
            *options,
        ],
        cwd=PROJECT_FOLDER,
        env={
            **table.deployment.aws.environment(),
            "PYTHONPATH": layers,
            "COLUMNS": "200",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
