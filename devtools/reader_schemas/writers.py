"""The schemas in each reader's form.

A field that protobuf leaves out of the JSON is null, at any depth. A message without fields can be
present or null too, so each reader needs a type for ``{}`` that Parquet supports: Parquet has no
struct without members.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from devtools.reader_schemas.layout import nested
from drainctl.catalogue import Array, LineType, Map, Mark, Scalar, Struct, line_types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eventdrain.events import EventStream

_HEADER: Final = "Written by `make template` from protos/: the lines of each stream, for {reader}."

_NO_MAP: Final = "neither polars nor pyarrow has a type for a map that they read from JSON"

_DUCKDB: Final = {
    Scalar.BOOLEAN: "BOOLEAN",
    Scalar.INT32: "INTEGER",
    Scalar.UINT32: "UINTEGER",
    Scalar.FLOAT: "DOUBLE",
    Scalar.TEXT: "VARCHAR",
}
_POLARS: Final = {
    Scalar.BOOLEAN: "pl.Boolean",
    Scalar.INT32: "pl.Int32",
    Scalar.UINT32: "pl.UInt32",
    Scalar.FLOAT: "pl.Float64",
    Scalar.TEXT: "pl.String",
}
_PYARROW: Final = {
    Scalar.BOOLEAN: "pa.bool_()",
    Scalar.INT32: "pa.int32()",
    Scalar.UINT32: "pa.uint32()",
    Scalar.FLOAT: "pa.float64()",
    Scalar.TEXT: "pa.string()",
}
_CLICKHOUSE: Final = {
    Scalar.BOOLEAN: "Bool",
    Scalar.INT32: "Int32",
    Scalar.UINT32: "UInt32",
    Scalar.FLOAT: "Float64",
    Scalar.TEXT: "String",
}


def duckdb(streams: Mapping[str, EventStream]) -> str:
    """Write a table macro for each stream: ``FROM handset_change_lines('...')``."""
    return "\n".join(
        (
            f"-- {_HEADER.format(reader='DuckDB')}",
            *(_duckdb_macro(event_type, stream) for event_type, stream in streams.items()),
        )
    )


def _duckdb_macro(event_type: str, stream: EventStream) -> str:
    columns = (f"{name}: '{_duckdb(of)}'" for name, of in line_types(stream).items())
    arguments = (
        "files",
        "format = 'newline_delimited'",
        "hive_types_autocast = false",
        nested("columns = {", columns, "}"),
    )
    return (
        f"CREATE OR REPLACE MACRO {event_type}_lines(files) AS TABLE\n"
        f"{nested('FROM read_json(', arguments, ')')};\n"
    )


def _duckdb(line_type: LineType) -> str:
    match line_type:
        case Scalar():
            return _DUCKDB[line_type]
        case Mark():
            return "MAP(VARCHAR, VARCHAR)"
        case Struct(members):
            return nested("STRUCT(", (f'"{name}" {_duckdb(of)}' for name, of in members), ")")
        case Array(of):
            return f"{_duckdb(of)}[]"
        case Map(of):
            return f"MAP(VARCHAR, {_duckdb(of)})"


def polars(streams: Mapping[str, EventStream]) -> str:
    """Write a module with a schema for each stream: ``LINES["handset_change"]``."""

    def schema(event_type: str, columns: Mapping[str, LineType]) -> str:
        items = (f'"{name}": {_polars(of)}' for name, of in columns.items())
        return nested(f'"{event_type}": pl.Schema({{', items, "})")

    return _module("polars", "import polars as pl", 'pl.Struct({"_": pl.String})', schema, streams)


def _polars(line_type: LineType) -> str:
    match line_type:
        case Scalar():
            return _POLARS[line_type]
        case Mark():
            return "MARK"
        case Struct(members):
            return nested("pl.Struct({", (f'"{name}": {_polars(of)}' for name, of in members), "})")
        case Array(of):
            return f"pl.List({_polars(of)})"
        case Map():
            raise ValueError(_NO_MAP)


def pyarrow(streams: Mapping[str, EventStream]) -> str:
    """Write a module with a schema for each stream, and the day: ``LINES["handset_change"]``."""

    def schema(event_type: str, columns: Mapping[str, LineType]) -> str:
        with_day = {**columns, "dt": Scalar.TEXT}
        items = (f'("{name}", {_pyarrow(of)})' for name, of in with_day.items())
        return nested(f'"{event_type}": pa.schema([', items, "])")

    mark = 'pa.struct([("_", pa.string())])'
    return _module("pyarrow", "import pyarrow as pa", mark, schema, streams)


def _pyarrow(line_type: LineType) -> str:
    match line_type:
        case Scalar():
            return _PYARROW[line_type]
        case Mark():
            return "MARK"
        case Struct(members):
            parts = (f'("{name}", {_pyarrow(of)})' for name, of in members)
            return nested("pa.struct([", parts, "])")
        case Array(of):
            return f"pa.list_({_pyarrow(of)})"
        case Map():
            raise ValueError(_NO_MAP)


def _module(
    reader: str,
    imports: str,
    mark: str,
    schema: Callable[[str, Mapping[str, LineType]], str],
    streams: Mapping[str, EventStream],
) -> str:
    """Write a Python module, without the streams that the reader can't read."""
    columns = {event_type: line_types(stream) for event_type, stream in streams.items()}
    unreadable = [name for name in columns if any(map(_has_map, columns[name].values()))]
    schemas = (schema(name, columns[name]) for name in columns if name not in unreadable)
    return (
        f'"""{_HEADER.format(reader=reader)}"""\n\n'
        + "".join(f"# No {name}: {reader} reads no map from JSON.\n" for name in unreadable)
        + f"{imports}\n\n"
        f'MARK = {mark}  # "{{}}": a message without fields\n'
        f"{nested('LINES = {', schemas, '}')}\n"
    )


def _has_map(line_type: LineType) -> bool:
    match line_type:
        case Struct(members):
            return any(_has_map(of) for _, of in members)
        case Array(of):
            return _has_map(of)
        case _:
            return isinstance(line_type, Map)


def clickhouse(streams: Mapping[str, EventStream]) -> str:
    """Write a function for each stream that returns the structure of its lines."""
    return "\n".join(
        (
            f"-- {_HEADER.format(reader='ClickHouse')}",
            *(
                f"CREATE OR REPLACE FUNCTION {event_type}_line AS () -> "
                + nested(
                    "'",
                    (f"`{name}` {_nullable(of)}" for name, of in line_types(stream).items()),
                    "'",
                )
                + ";\n"
                for event_type, stream in streams.items()
            ),
        )
    )


def _nullable(line_type: LineType) -> str:
    """Write a type for ClickHouse, where missing arrays and maps are empty instead of null."""
    written = _clickhouse(line_type)
    return written if isinstance(line_type, Array | Map) else f"Nullable({written})"


def _clickhouse(line_type: LineType) -> str:
    match line_type:
        case Scalar():
            return _CLICKHOUSE[line_type]
        case Mark():
            return "String"  # the object as JSON: "{}"
        case Struct(members):
            parts = (f"`{name}` {_nullable(of)}" for name, of in members)
            return nested("Tuple(", parts, ")")
        case Array(of):
            return f"Array({_clickhouse(of)})"
        case Map(of):
            return f"Map(String, {_clickhouse(of)})"


WRITERS: Final[Mapping[str, Callable[[Mapping[str, EventStream]], str]]] = MappingProxyType(
    {
        "duckdb.sql": duckdb,
        "polars_lines.py": polars,
        "pyarrow_lines.py": pyarrow,
        "clickhouse.sql": clickhouse,
    }
)
"""The function that writes each file of ``schemas/readers``, by file name."""
