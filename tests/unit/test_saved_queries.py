"""The saved queries are parsed, and match the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from sqlglot import exp, parse_one

from drainctl.catalogue import MalformedQuery, SavedQuery, saved_queries
from eventdrain.events import STREAMS
from tests.unit.athena_schema import athena_schema
from tests.unit.typed_sql import result_columns

if TYPE_CHECKING:
    from pathlib import Path

_QUERIES: Final = {query.name: query for query in saved_queries()}
_SCHEMA: Final = athena_schema()

_COLUMNS: Final = {
    "todays_handset_changes": "event_time subscription_id number imsi previous_imei"
    " previous_software_version current_imei current_software_version",
    "model_changes_by_tac": "from_tac to_tac changes subscriptions",
    "software_updates": "event_time subscription_id imei from_version to_version",
    "subscriber_history": "event_time previous_imei previous_software_version current_imei"
    " current_software_version imsi number copies",
    "sims_moved_often": "dt imsi changes handsets",
    "duplicates_and_redeliveries": "dt lines events duplicates duplicate_rate redelivered"
    " redelivered_rate",
    "lag_to_archive": "dt events median_seconds p95_seconds greatest_seconds",
    "seam_check": "dt expected rows ids",
}
_OF_A_STREAM: Final = ("duplicates_and_redeliveries", "lag_to_archive", "seam_check")
_OF_ALL_DAYS: Final = ("subscriber_history", "seam_check")

_each_query = pytest.mark.parametrize("query", _QUERIES.values(), ids=_QUERIES)


def _kind(query: SavedQuery) -> str:
    return query.name.partition(".")[0]


def _tree(query: SavedQuery) -> exp.Expr:
    return parse_one(query.sql, read="athena")


def test_names() -> None:
    """Every query exists, for each stream if it is about a stream."""
    plain = [name for name in _COLUMNS if name not in _OF_A_STREAM]
    of_streams = [f"{name}.{stream}" for name in _OF_A_STREAM for stream in STREAMS]
    assert sorted(_QUERIES) == sorted([*plain, *of_streams])
    assert {query.stream for query in _QUERIES.values()} == {None, *STREAMS}


@_each_query
def test_query_fits_the_catalogue(query: SavedQuery) -> None:
    """It uses existing names and matching types, and returns the expected columns."""
    columns = result_columns(query.sql, _SCHEMA)
    assert list(columns) == _COLUMNS[_kind(query)].split()


@_each_query
def test_parameters_are_where_athena_takes_them(query: SavedQuery) -> None:
    """The description names each ``?``, and each is in WHERE, where Athena supports parameters."""
    placeholders = list(_tree(query).find_all(exp.Placeholder))
    assert len(placeholders) == len(query.parameters)
    for placeholder in placeholders:
        assert isinstance(placeholder.find_ancestor(exp.Where, exp.Select), exp.Where)
    expected = {"subscriber_history": ("subscription_id",), "sims_moved_often": ("more_than",)}
    assert query.parameters == expected.get(query.name, ())


@_each_query
def test_days_are_pruned_when_planned(query: SavedQuery) -> None:
    """It compares ``dt`` with a constant for each table, unless it is about all days."""
    if _kind(query) in _OF_ALL_DAYS:
        return
    for table in _tree(query).find_all(exp.Table):
        where = table.find_ancestor(exp.Select).args["where"]  # type: ignore[union-attr] # it has one
        conditions = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        assert [
            condition
            for condition in conditions
            if isinstance(condition, exp.EQ | exp.GTE)
            and condition.this.sql() == "dt"
            and not condition.expression.find(exp.Column, exp.Select)
        ]


@_each_query
def test_answer_has_an_order(query: SavedQuery) -> None:
    """The answer is ordered by columns that identify a row, so it is deterministic."""
    unique = {
        "todays_handset_changes": {"event_id"},
        "model_changes_by_tac": {"from_tac", "to_tac"},
        "software_updates": {"event_id", "dt"},
        "subscriber_history": {"event_id", "dt"},
        "sims_moved_often": {"dt", "imsi"},
    }.get(query.name, {"dt"})
    ordered = {each.this.name for each in _tree(query).args["order"].expressions}
    assert unique <= ordered


@_each_query
def test_query_can_be_saved(query: SavedQuery) -> None:
    """Name, description and statement are within the limits of Athena's CreateNamedQuery."""
    assert len(query.name) <= 128
    assert 0 < len(query.description) <= 1024
    assert len(query.sql) <= 262_144
    assert "{" not in query.title + query.description + query.sql
    assert "--" not in query.sql  # it would end a statement that somebody puts on one line
    assert not query.sql.endswith(";")


def test_file_is_read(tmp_path: Path) -> None:
    """A file has title, description, parameters in order and the statement, for a stream."""
    (tmp_path / "some.sql").write_text(
        "-- Some of {stream}\n-- What it is.\n-- Parameter b: the first.\n"
        "-- Parameter a: another.\n"
        "SELECT dt\nFROM {stream}_lines\nWHERE raw = ? OR dt = ?\n"
    )
    one, two = saved_queries(tmp_path, ("one", "two"))
    assert one == SavedQuery(
        name="some.one",
        title="Some of one",
        description="What it is.\nParameter b: the first.\nParameter a: another.",
        sql="SELECT dt\nFROM one_lines\nWHERE raw = ? OR dt = ?",
        parameters=("b", "a"),
        stream="one",
    )
    assert (two.name, two.stream) == ("some.two", "two")


@pytest.mark.parametrize(
    "text", ["SELECT 1", "-- Title\nSELECT 1", "-- Title\n-- Description\n", ""]
)
def test_malformed_file(tmp_path: Path, text: str) -> None:
    """A file without a title, a description or a statement is an error that names it."""
    (tmp_path / "odd.sql").write_text(text)
    with pytest.raises(MalformedQuery, match="odd: a title"):
        saved_queries(tmp_path)
