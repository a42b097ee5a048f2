"""The compaction of the deployed stack: its own state machine, its statements, its tables.

The state machine runs in the embedded AWS, which answers Athena's statements with DuckDB over the
bucket's objects. The tests of this module share one deployment and depend on their order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from drainctl.catalogue import ALL_OPEN, saved_queries, statement
from eventdrain.events import STREAMS
from simulator.aws import PROJECT_FOLDER
from tests.archive import expected
from tests.integration.compaction_stack import CLOSED, PLAN, QUIET, STREAM, Table, day_before

if TYPE_CHECKING:
    from tests.archive import MadeUpLine


def test_catalogue_answers_before_any_compaction(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """As soon as there are lines, the view has each of their events once."""
    assert table.ids_by_day() == events
    assert table.consistency_differences() == ()


def test_closed_days_are_compacted(
    table: Table, lines: list[MadeUpLine], events: Counter[tuple[str, str]]
) -> None:
    """A run registers each closed day with its events, and doesn't change the open one."""
    ended = table.compact()
    closed = sorted({line.dt for line in lines if line.dt <= CLOSED.isoformat()})
    assert ended["status"] == "SUCCEEDED", ended
    assert ended["output"]["days_written"] == len(closed)
    assert sorted(table.closed_days()) == closed
    rows = table.rows(f"SELECT dt, event_id FROM {STREAM}_compacted")
    assert Counter(rows) == Counter(
        {pair: count for pair, count in events.items() if pair[0] <= CLOSED.isoformat()}
    )


def test_view_spans_the_cutover_day(table: Table, events: Counter[tuple[str, str]]) -> None:
    """Closed and open days together have each event exactly once."""
    assert table.ids_by_day() == events
    assert table.consistency_differences() == ()


def test_rows_say_what_the_lines_said(table: Table, lines: list[MadeUpLine]) -> None:
    """Every column of a compacted day equals the facts, without SQL."""
    day = day_before(CLOSED, 1)
    names = "event_id, copies, subscription_id, redelivered, current_imei, number"
    rows = table.rows(f"SELECT {names} FROM {STREAM} WHERE dt = ?", f"'{day}'")
    want = {
        (
            *(event.event_id, str(copies), event.subscription_id, str(line.redelivered).lower()),
            *(event.change.current_imei, event.change.number),
        )
        for line, copies in expected.events_of(lines)
        if line.dt == day and (event := line.event).change is not None
    }
    assert len(want) > 100
    assert sorted(rows, key=str) == sorted(want, key=str)


def test_rows_are_sorted(table: Table) -> None:
    """A file is sorted by subscription, then by time."""
    day = day_before(CLOSED, 1)
    rows = table.rows(
        f"SELECT subscription_id, event_time FROM {STREAM}_compacted WHERE dt='{day}'"
    )
    assert len(rows) > 100
    assert list(rows) == sorted(rows, key=lambda row: tuple((it is None, it or "") for it in row))


def test_second_run_does_nothing(table: Table) -> None:
    """A run over complete days changes nothing."""
    before = table.closed_days(), table.files()
    ended = table.compact(since=PLAN.first_day.isoformat())
    assert ended["output"]["days_checked"] == len(before[0])
    assert ended["output"]["days_written"] == 0
    assert (table.closed_days(), table.files()) == before


def test_late_event_is_seen_at_once_and_merged_by_the_next_run(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """A late event of a closed day is in the view at once, and in the table after the next run.

    The old folder is then deleted, and a duplicate of an old event makes no new row.
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
    assert table.consistency_differences() == ()
    assert {key.split("/")[3] for key in table.files() if f"dt={day}" in key} == {
        after[day].split("/")[-2]
    }
    ((copies,),) = table.rows(f"SELECT copies FROM {STREAM} WHERE event_id = ?", f"'{line[0]}'")
    assert int(str(copies)) >= 2


def test_view_is_right_wherever_the_cutover_day_is(
    table: Table, events: Counter[tuple[str, str]]
) -> None:
    """Registered days on or after the cutover day, as during a run, don't count twice."""
    for since in (ALL_OPEN, day_before(CLOSED, 3)):
        table.rows(statement("replace_view", STREAMS[STREAM]).replace("{since}", since))
        assert table.ids_by_day() == events
    assert table.consistency_differences() == ()


def test_stream_without_events(table: Table) -> None:
    """The compaction of a stream without events succeeds, and its view has no rows."""
    ended = table.compact(QUIET)
    assert (ended["status"], ended["output"]["days_checked"]) == ("SUCCEEDED", 0)
    assert table.rows(f"SELECT number, revoked, added_scopes FROM {QUIET}") == ()


def test_unknown_stream_is_named(table: Table) -> None:
    """A run over an unknown stream fails, and the error lists the streams."""
    ended = table.compact("sim_swap")
    assert (ended["status"], ended["error"]) == ("FAILED", "UnknownStream")
    assert STREAM in ended["cause"]


def test_verify_succeeds(table: Table) -> None:
    """The verify command runs every saved query and the consistency check, and exits with 0."""
    completed = verify(table)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    for query in saved_queries():
        assert query.name in completed.stdout


def test_verify_names_a_day_that_is_missing(table: Table) -> None:
    """A cutover day that hides lines fails the command, whose output names the day and the fix."""
    today = PLAN.last_day.isoformat()
    tomorrow = (PLAN.last_day + timedelta(days=1)).isoformat()
    table.rows(statement("replace_view", STREAMS[STREAM]).replace("{since}", tomorrow))
    completed = verify(table, "--query", f"seam_check.{STREAM}")
    assert completed.returncode == 1, completed.stdout + completed.stderr
    assert today in completed.stdout
    assert "start-execution" in completed.stdout

    assert table.compact(since=today)["status"] == "SUCCEEDED"
    assert verify(table, "--query", f"seam_check.{STREAM}").returncode == 0


def verify(table: Table, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator does."""
    layers = os.pathsep.join(
        str(PROJECT_FOLDER / "layers" / each) for each in ("wgtwo", "eventdrain")
    )
    return subprocess.run(
        [
            *(sys.executable, "-m", "drainctl", "verify"),
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
