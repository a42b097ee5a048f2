"""The tables have the descriptors' fields as columns, with types that Athena documents."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

import pytest

from devtools.catalogue import Places, table_inputs
from drainctl.catalogue import compacted_table, line_columns, statement, table_columns
from drainctl.catalogue.released import RELEASED
from eventdrain.events import STREAMS
from tests.made_up_stream import stream_of
from tests.unit.athena_schema import athena_schema
from tests.unit.typed_sql import result_columns

PLACES: Final = Places("events_db", "made-up-bucket", "events", "tables", "2026-01-01")
TABLES: Final = {table["Name"]: table for table in table_inputs(PLACES)}


@pytest.mark.parametrize(
    ("field", "line_type", "table_type", "expression"),
    [
        ("a bool", "boolean", "boolean", 'event."a"'),
        ("a int32", "int", "int", 'event."a"'),
        ("a uint32", "bigint", "bigint", 'event."a"'),
        ("a sint64", "string", "bigint", 'CAST(event."a" AS bigint)'),
        ("a fixed64", "string", "decimal(20,0)", 'CAST(event."a" AS decimal(20,0))'),
        ("a double", "string", "double", 'CAST(event."a" AS double)'),
        ("a bytes", "string", "string", 'event."a"'),
        ("a .odd.Odd.Kind", "string", "string", 'event."a"'),
        ("a .odd.Odd.Mark", "map<string,string>", "boolean", 'event."a" IS NOT NULL'),
        (
            "a .odd.Odd.Only",
            "struct<value:string>",
            "bigint",
            'CAST(event."a"."value" AS bigint)',
        ),
        (
            "a .google.protobuf.Timestamp",
            "string",
            "timestamp",
            'CAST(from_iso8601_timestamp(event."a") AS timestamp(3))',
        ),
        ("a .google.protobuf.Duration", "string", "string", 'event."a"'),
        ("a string repeated", "array<string>", "array<string>", 'event."a"'),
        (
            "a .odd.Odd.Only repeated",
            "array<struct<value:string>>",
            "array<struct<value:string>>",
            'event."a"',
        ),
        (
            "a .odd.Odd.TagsEntry repeated",
            "map<string,string>",
            "map<string,string>",
            'event."a"',
        ),
    ],
)
def test_every_kind_of_field_has_a_column(
    field: str, line_type: str, table_type: str, expression: str
) -> None:
    """Each kind of field has a type for its JSON in lines, and an expression for the table."""
    stream = stream_of(field)
    (column,) = [each for each in table_columns(stream) if each.name == "a"]
    assert dict(line_columns(stream))["event"] == f"struct<a:{line_type}>"
    assert (column.hive_type, column.expression) == (table_type, expression)


@pytest.mark.parametrize("kind", [".odd.Odd", ".google.protobuf.Int32Value"])
def test_what_no_column_can_hold_is_refused(kind: str) -> None:
    """A recursive message, and JSON without a fixed type, are errors when tables are generated."""
    with pytest.raises(ValueError, match=r"odd\.Odd"):
        table_columns(stream_of("a string", f"b {kind}"))


@pytest.mark.parametrize("name", ["event_id", "dt", "copies"])
def test_names_that_are_taken_are_refused(name: str) -> None:
    """A field with the name of one of our columns is an error."""
    with pytest.raises(ValueError, match=f"two columns would be called {name}"):
        table_columns(stream_of(f"{name} string", "b string"))


# --- By the rules of Glue and Athena ---

_SIMPLE: Final = {"string", "boolean", "bigint", "int", "timestamp", "double"}
"""The types in "Data types in Amazon Athena"."""


@pytest.mark.parametrize("name", TABLES)
def test_types_are_athena_s(name: str) -> None:
    """Every column has a type that Athena documents, and a name that needs no quotes in DDL."""
    columns = TABLES[name]["StorageDescriptor"]["Columns"] + TABLES[name]["PartitionKeys"]
    assert len({column["Name"] for column in columns}) == len(columns)
    for column in columns:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", column["Name"])
        leaves = re.sub(r"\w+:|struct|array|map|[<>]", " ", column["Type"]).replace(",", " ")
        assert set(leaves.split()) <= _SIMPLE


@pytest.mark.parametrize("event_type", STREAMS)
def test_lines_are_projected_by_day(event_type: str) -> None:
    """Days need no crawler: their folders are projected, from the first day to tomorrow.

    Properties of "Set up partition projection" and "Supported types for partition projection".
    """
    table = TABLES[f"{event_type}_lines"]
    parameters = table["Parameters"]
    assert parameters["projection.enabled"] == "true"
    assert parameters["projection.dt.type"] == "date"
    assert parameters["projection.dt.format"] == "yyyy-MM-dd"
    assert parameters["projection.dt.range"] == "2026-01-01,NOW+1DAYS"
    assert parameters["storage.location.template"] == (
        f"s3://made-up-bucket/events/{event_type}/dt=${{dt}}/"
    )
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    serde = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert serde == "org.apache.hive.hcatalog.data.JsonSerDe"


def test_candidates_are_injected() -> None:
    """An unregistered folder is only read by queries that name it."""
    parameters = TABLES["compaction_candidates"]["Parameters"]
    keys = [key["Name"] for key in TABLES["compaction_candidates"]["PartitionKeys"]]
    assert {parameters[f"projection.{key}.type"] for key in keys} == {"injected"}
    location = parameters["storage.location.template"]
    assert re.findall(r"\$\{(\w+)\}", location) == keys
    # The location of a stream's compacted days.
    assert location.startswith("s3://made-up-bucket/tables/${event_type}/dt=${dt}/")


@pytest.mark.parametrize("event_type", STREAMS)
def test_view_says_what_its_query_gives(event_type: str) -> None:
    """A view's declared columns and types are those of its query; otherwise Athena rejects it."""
    view = TABLES[event_type]
    definition = view_definition(view)
    assert (definition["catalog"], definition["schema"]) == ("awsdatacatalog", "events_db")
    declared = {column["name"]: column["type"] for column in definition["columns"]}
    schema = athena_schema()
    assert result_columns(definition["originalSql"], schema) == declared
    assert declared == schema[event_type]
    assert [column["Name"] for column in view["StorageDescriptor"]["Columns"]] == list(declared)
    # Trino recognises a view by its comment, for which it uses a Glue table's description.
    assert view["TableType"] == "VIRTUAL_VIEW"
    assert view["Parameters"] == {"presto_view": "true", "comment": "Presto View"}
    assert "Description" not in view


def view_definition(view: dict[str, Any]) -> dict[str, Any]:
    """Return a view's definition as Athena stores it."""
    found = re.fullmatch(r"/\* Presto View: (\S+) \*/", view["ViewOriginalText"])
    assert found is not None
    assert view["Parameters"]["presto_view"] == "true"
    definition: dict[str, Any] = json.loads(base64.b64decode(found[1]))
    return definition


# --- What is released ---


def test_every_column_is_in_the_table_of_released_ones() -> None:
    """Every column is in `RELEASED`; a new one must be added at its end."""
    assert {
        event_type: tuple(column.name for column in table_columns(stream))
        for event_type, stream in STREAMS.items()
    } == RELEASED


def test_columns_stay_where_they_are() -> None:
    """A column of a compacted table keeps its place, whatever the order of fields."""
    stream = stream_of("a string", "b string")
    natural = [column.name for column in table_columns(stream)]
    released = {stream.event_type: ("b", "event_id")}
    kept = [column.name for column in table_columns(stream, released)]
    assert kept[:2] == ["b", "event_id"]
    assert kept[2:] == [name for name in natural if name not in {"b", "event_id"}]


def test_no_column_vanishes() -> None:
    """Removing a field of a compacted column is an error, as its data would be lost."""
    stream = stream_of("a string", "b string")
    with pytest.raises(ValueError, match=f"{stream.event_type}: the table has msisdn"):
        table_columns(stream, {stream.event_type: ("a", "msisdn")})


# --- Statements of the compaction ---


@pytest.mark.parametrize("event_type", STREAMS)
def test_statements_of_a_compaction_fit_the_catalogue(event_type: str) -> None:
    """A compaction's statements use existing tables and columns, and return the expected columns.

    Step Functions reads the counts by position.
    """
    stream = STREAMS[event_type]
    schema = athena_schema()
    partitions = {f"{compacted_table(stream)}$partitions": {"dt": "varchar"}}

    def columns(name: str) -> dict[str, str]:
        return result_columns(statement(name, stream), {**schema, **partitions})

    assert columns("closed_days") == {"days": "varchar"}
    assert columns("count_before") == dict.fromkeys(
        ("events", "compacted_rows", "compacted_events", "lines", "copies"), "bigint"
    )
    assert columns("count_candidates") == dict.fromkeys(
        ("written_rows", "written_events"), "bigint"
    )
    compacted = {name: kind for name, kind in schema[event_type].items() if name != "dt"}
    assert columns("unload") == compacted
    assert columns("replace_view") == schema[event_type]
