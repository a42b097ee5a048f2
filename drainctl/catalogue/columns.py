"""The columns of a stream's tables, from the descriptor of its event.

A line contains the event in protobuf's JSON mapping, as one struct. The view and the compacted
table have a column for each field. A column's name is the field's path, such as
``current_code``. If a message has only one field, the path omits that field's name (``imsi.value``
becomes ``imsi``), unless that field is repeated (``added.scopes`` becomes ``added_scopes``). A
message without fields becomes a boolean column: whether the message is present.

Sources: "Data types in Amazon Athena" for the types; the table of the ProtoJSON format for the
JSON; Athena's page on the Hive JSON SerDe, which reads JSON objects as structs and maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor import FieldDescriptor

from drainctl.catalogue.line_types import (
    SCALARS,
    TEXTS,
    TIMESTAMP,
    Array,
    LineType,
    Map,
    Mark,
    Scalar,
    Struct,
    field_type,
    line_types,
    message_of,
)
from drainctl.catalogue.released import RELEASED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from google.protobuf.descriptor import Descriptor

    from eventdrain.events import EventStream

_HIVE: Final = {
    Scalar.BOOLEAN: "boolean",
    Scalar.INT32: "int",
    Scalar.UINT32: "bigint",
    Scalar.FLOAT: "string",
    Scalar.TEXT: "string",
}
_CAST: Final = {
    FieldDescriptor.CPPTYPE_INT64: "bigint",
    FieldDescriptor.CPPTYPE_UINT64: "decimal(20,0)",
    FieldDescriptor.CPPTYPE_FLOAT: "double",
    FieldDescriptor.CPPTYPE_DOUBLE: "double",
}
"""The column types of numbers that are strings in the lines."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the view and of the compacted table.

    Attributes:
        name: The column's name.
        hive_type: Its type in DDL and in Glue, such as ``string``.
        expression: The expression that reads its value from a line, in Athena's dialect.
    """

    name: str
    hive_type: str
    expression: str

    @property
    def athena_type(self) -> str:
        """The column's type in queries, such as ``varchar``."""
        return athena_type(self.hive_type)


def line_columns(stream: EventStream) -> list[tuple[str, str]]:
    """Return the columns of a stream's lines, each with its Hive type.

    Raises:
        ValueError: A field of the event cannot be represented as a column.
    """
    return [(name, _hive(line_type)) for name, line_type in line_types(stream).items()]


def table_columns(
    stream: EventStream, released: Mapping[str, Sequence[str]] = RELEASED
) -> list[Column]:
    """Return the columns of a stream's view and compacted table, without ``dt``.

    Args:
        stream: The stream.
        released: The column names of released tables, in order, by event type. These columns keep
            their positions; new columns follow.

    Raises:
        ValueError: Two columns would have the same name, a released column is missing, or a field
            cannot be represented as a column.
    """
    line_columns(stream)  # raises if a field has no column type
    columns = [
        Column("event_id", "string", "event_id"),
        Column("copies", "bigint", "1"),
        Column("event_time", "timestamp", _as_timestamp("event_time")),
        Column("subscription_id", "string", "subscription_id"),
        Column("redelivered", "boolean", "redelivered"),
        Column("received_at", "timestamp", _as_timestamp("received_at")),
        *_flattened(message_of(stream.payload_field), "event", ()),
        Column("raw", "string", "raw"),
    ]
    by_name = {column.name: column for column in columns}
    if len(by_name) < len(columns) or "dt" in by_name:
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1} or {"dt"})
        raise ValueError(f"{stream.event_type}: two columns would be called {', '.join(twice)}")
    kept = released.get(stream.event_type, ())
    lost = [name for name in kept if name not in by_name]
    if lost:
        raise ValueError(
            f"{stream.event_type}: the table has {', '.join(lost)}, which the messages in protos/"
            " no longer have. Compacted columns can't be renamed. To fix this, keep the field."
        )
    return [by_name[name] for name in dict.fromkeys((*kept, *by_name))]


def athena_type(hive_type: str) -> str:
    """Return the type in queries for a type in DDL."""
    simple = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)"}
    if hive_type.startswith("array<"):
        return f"array({athena_type(hive_type[len('array<') : -1])})"
    return simple.get(hive_type, hive_type)


def _hive(line_type: LineType) -> str:
    """Return the type in DDL and Glue for a type of a line."""
    match line_type:
        case Scalar():
            return _HIVE[line_type]
        case Mark():
            return "map<string,string>"  # Hive has no struct without fields
        case Struct(members):
            return f"struct<{','.join(f'{name}:{_hive(of)}' for name, of in members)}>"
        case Array(of):
            return f"array<{_hive(of)}>"
        case Map(of):
            return f"map<string,{_hive(of)}>"


def _flattened(message: Descriptor, path: str, names: Sequence[str]) -> Iterator[Column]:
    """Yield the columns for a message at the given path of a line."""
    for field in message.fields:
        inner = f'{path}."{field.name}"'
        is_named = len(message.fields) > 1 or field.is_repeated or not names
        inner_names = (*names, field.name) if is_named else names
        name = "_".join(inner_names)
        line_type = field_type(field)
        if isinstance(line_type, Array | Map):
            yield Column(name, _hive(line_type), inner)
        elif field.cpp_type in SCALARS:
            table_type = _CAST.get(field.cpp_type, _hive(line_type))
            cast = f"CAST({inner} AS {athena_type(table_type)})"
            yield Column(name, table_type, cast if field.cpp_type in _CAST else inner)
        elif message_of(field).full_name == TIMESTAMP:
            yield Column(name, "timestamp", _as_timestamp(inner))
        elif message_of(field).full_name in TEXTS:
            yield Column(name, "string", inner)
        elif isinstance(line_type, Mark):
            yield Column(name, "boolean", f"{inner} IS NOT NULL")
        else:
            yield from _flattened(message_of(field), inner, inner_names)


def _as_timestamp(text: str) -> str:
    # Athena's tables and views have timestamps in UTC, to the millisecond, without a zone.
    return f"CAST(from_iso8601_timestamp({text}) AS timestamp(3))"
