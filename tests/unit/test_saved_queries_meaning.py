"""The saved queries on a few rows: each case in their descriptions.

DuckDB answers, sqlglot translates. Today is 2026-11-24.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import duckdb
import pytest
from sqlglot import exp, parse_one

from drainctl.catalogue import saved_queries
from tests.unit.athena_schema import athena_schema

_TODAY: Final = "2026-11-24"
_30_DAYS_AGO: Final = "2026-10-25"
_31_DAYS_AGO: Final = "2026-10-24"
_NOON: Final = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - as the table has it

_PHONE, _SAME_MODEL, _OTHER = "35923706-1", "35923706-2", "35375208-1"


class Change(NamedTuple):
    """A row of ``handset_change``, with the columns that matter."""

    event_id: str = "a"
    dt: str = _TODAY
    event_time: datetime | None = _NOON
    received_at: datetime = _NOON
    subscription_id: str | None = "anna"
    imsi: str | None = "sim"
    previous_imei: str | None = _PHONE
    previous_software_version: str | None = "01"
    current_imei: str | None = _OTHER
    current_software_version: str | None = "01"
    copies: int = 1


class Archive:
    """The tables of one stream, in memory."""

    def __init__(self) -> None:
        self._duckdb = duckdb.connect()
        for table, columns in athena_schema().items():
            if table.startswith("handset_change"):
                kinds = ", ".join(
                    f'"{name}" {exp.DataType.build(kind, dialect="athena").sql("duckdb")}'
                    for name, kind in columns.items()
                )
                self._duckdb.execute(f"CREATE TABLE {table} ({kinds})")

    def add(self, table: str, **values: object) -> None:
        """Add a row; what isn't given is null."""
        marks = ", ".join("?" * len(values))
        self._duckdb.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",
            list(values.values()),
        )

    def change(self, *changes: Change) -> None:
        """Add rows to the view."""
        for change in changes:
            self.add("handset_change", **change._asdict())

    def answer(self, name: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a saved query."""
        sql = next(query.sql for query in saved_queries() if query.name == name)
        tree = parse_one(sql, read="athena")
        for today in list(tree.find_all(exp.CurrentDate)):
            today.replace(exp.cast(exp.Literal.string(_TODAY), "date"))
        return self._duckdb.execute(tree.sql("duckdb"), list(parameters)).fetchall()


@pytest.fixture
def archive() -> Archive:
    """An empty archive."""
    return Archive()


def test_today(archive: Archive) -> None:
    """Today's events alone, also of unknown previous handsets; by time, without one last."""
    archive.change(
        Change("undated", event_time=None),
        Change("b", previous_imei=None),
        Change("a", event_time=_NOON),
        Change("early", event_time=_NOON.replace(hour=1)),
        Change("yesterday", dt="2026-11-23"),
        Change("tomorrow", dt="2026-11-25"),
    )
    rows = archive.answer("todays_handset_changes")
    assert [(row[0], row[4]) for row in rows] == [
        (_NOON.replace(hour=1), _PHONE),
        (_NOON, _PHONE),
        (_NOON, None),
        (None, _PHONE),
    ]


def test_model_changes(archive: Archive) -> None:
    """Another TAC is a change; the same TAC, an unknown handset and what is older are none."""
    archive.change(
        Change("1"),
        Change("2", dt=_30_DAYS_AGO),
        Change("3", subscription_id="bert"),
        Change("4", subscription_id=None),
        Change("5", previous_imei=_OTHER, current_imei=_PHONE),
        Change("same model", current_imei=_SAME_MODEL),
        Change("unknown before", previous_imei=None),
        Change("unknown after", current_imei=None),
        Change("old", dt=_31_DAYS_AGO),
    )
    assert archive.answer("model_changes_by_tac") == [
        ("35923706", "35375208", 4, 2),
        ("35375208", "35923706", 1, 1),
    ]


def test_most_frequent_model_changes(archive: Archive) -> None:
    """At most 100, the most frequent first, those with as many in the order of their TACs."""
    archive.change(
        *(Change(str(n), current_imei=f"{n:08}-1") for n in range(120, 0, -1)),
        Change("again", current_imei="00000119-1"),
    )
    rows = archive.answer("model_changes_by_tac")
    assert [row[1] for row in rows] == ["00000119", *(f"{n:08}" for n in range(1, 100))]


def test_software_updates(archive: Archive) -> None:
    """The same IMEI with another version; not the same one, nor one that isn't known."""
    archive.change(
        Change("b", current_imei=_PHONE, current_software_version="02"),
        Change("a", current_imei=_PHONE, current_software_version="03"),
        Change("same", current_imei=_PHONE),
        Change("another phone", current_software_version="02"),
        Change("unknown before", current_imei=_PHONE, previous_software_version=None),
        Change("unknown after", current_imei=_PHONE, current_software_version=None),
        Change("old", dt=_31_DAYS_AGO, current_imei=_PHONE, current_software_version="02"),
    )
    assert archive.answer("software_updates") == [
        (_NOON, "anna", _PHONE, "01", "03"),
        (_NOON, "anna", _PHONE, "01", "02"),
    ]


def test_subscriber_history(archive: Archive) -> None:
    """All of one subscription, however old, with the number of copies."""
    archive.change(
        Change("new"),
        Change("old", dt="2020-02-29", event_time=datetime(2020, 2, 29), copies=3),  # noqa: DTZ001
        Change("another's", subscription_id="bert"),
        Change("nobody's", subscription_id=None),
    )
    rows = archive.answer("subscriber_history", "anna")
    assert [(row[0].year, row[7]) for row in rows] == [(2020, 3), (2026, 1)]


def test_sims_moved_often(archive: Archive) -> None:
    """More changes of IMEI than given on one day; with the different handsets it went to."""
    archive.change(
        *(Change(str(n)) for n in range(3)),
        Change("back", previous_imei=_OTHER, current_imei=_PHONE),
        Change("update", current_imei=_PHONE, current_software_version="02"),
        Change("unknown before", previous_imei=None),
        Change("other day", dt="2026-11-23"),
        Change("other sim", imsi="other"),
        *(Change(f"no sim {n}", imsi=None) for n in range(9)),
        *(Change(f"old {n}", dt=_31_DAYS_AGO) for n in range(9)),
    )
    assert archive.answer("sims_moved_often", 3) == [(_TODAY, "sim", 4, 2)]
    assert archive.answer("sims_moved_often", 4) == []
    assert archive.answer("sims_moved_often", 0) == [
        (_TODAY, "sim", 4, 2),
        ("2026-11-23", "sim", 1, 1),
        (_TODAY, "other", 1, 1),
    ]


def test_duplicates_and_redeliveries(archive: Archive) -> None:
    """Copies are counted by event, redeliveries by line, for each day."""
    for event_id, redelivered, dt in (
        *(("a", False, _TODAY), ("a", True, _TODAY), ("b", True, _TODAY)),
        *(("c", False, _TODAY), ("c", False, _TODAY)),
        *(("d", False, "2026-11-23"), ("e", False, _31_DAYS_AGO)),
    ):
        archive.add("handset_change_lines", event_id=event_id, redelivered=redelivered, dt=dt)
    assert archive.answer("duplicates_and_redeliveries.handset_change") == [
        ("2026-11-23", 1, 1, 0, 0.0, 0, 0.0),
        (_TODAY, 5, 3, 2, 0.4, 2, 0.4),
    ]


def test_lag(archive: Archive) -> None:
    """Seconds with their fraction, by day; an event without a time has none."""
    archive.change(
        *(Change(str(n), received_at=_NOON + timedelta(seconds=n + 0.5)) for n in range(1, 4)),
        Change("undated", event_time=None),
        Change("yesterday", dt="2026-11-23"),
        Change("old", dt=_31_DAYS_AGO),
    )
    yesterday, today = archive.answer("lag_to_archive.handset_change")
    assert yesterday == ("2026-11-23", 1, 0.0, 0.0, 0.0)
    assert today[:3] == (_TODAY, 3, 2.5)
    assert 2.5 < today[3] <= 3.5
    assert today[4] == 3.5


def test_consistency(archive: Archive) -> None:
    """Each kind of difference is a row: missing, duplicated, replaced, not archived.

    Copies in lines, and events in both lines and table, are no difference.
    """
    both = [("x", "2020-01-01"), ("x", "2020-01-01")]
    lines = [("a", "2026-11-01"), ("b", "2026-11-01"), ("c", "2026-11-02")]
    compacted = [("d", "2026-11-03"), ("e", "2026-11-03"), ("f", "2026-11-05")]
    for table, rows in (("lines", both + lines), ("compacted", both[:1] + compacted)):
        for event_id, dt in rows:
            archive.add(f"handset_change_{table}", event_id=event_id, dt=dt)
    archive.change(
        *(Change(*each) for each in (both[0], lines[0], *[lines[2]] * 2, *[compacted[0]] * 2)),
        Change("?", "2026-11-04"),
    )
    assert archive.answer("seam_check.handset_change") == [
        ("2026-11-01", 2, 1, 1),
        ("2026-11-02", 1, 2, 1),
        ("2026-11-03", 2, 2, 1),
        ("2026-11-04", 0, 1, 1),
        ("2026-11-05", 1, 0, 0),
    ]
