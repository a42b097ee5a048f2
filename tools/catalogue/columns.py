"""The columns of a stream's tables, from the descriptor of its event.

The lines keep the event as protobuf's JSON mapping writes it: a struct, of the same shape. The
view and the compacted table have its fields side by side. Their names are paths, shortened by what
says nothing: a field that is the only one of its message (``imsi.value`` is ``imsi``,
``previous.imei_sv.imei`` is ``previous_imei``), unless it is repeated (``added.scopes`` is
``added_scopes``). A message without fields says something by being there, and becomes a boolean.

Sources: "Data types in Amazon Athena" for the types; the ProtoJSON format's table for the JSON that
is read; the Hive JSON SerDe's page, which takes JSON objects for structs and maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from google.protobuf.descriptor import Descriptor

    from eventdrain.streams import EventStream

_KINDS: Final = {
    # What the JSON holds, and what the table makes of it. 64-bit integers are texts in the JSON,
    # and floats can be: "NaN", "Infinity". So the lines' column is a text, the table's is cast.
    FieldDescriptor.CPPTYPE_BOOL: ("boolean", "boolean"),
    FieldDescriptor.CPPTYPE_INT32: ("int", "int"),
    FieldDescriptor.CPPTYPE_UINT32: ("bigint", "bigint"),
    FieldDescriptor.CPPTYPE_INT64: ("string", "bigint"),
    FieldDescriptor.CPPTYPE_UINT64: ("string", "decimal(20,0)"),
    FieldDescriptor.CPPTYPE_FLOAT: ("string", "double"),
    FieldDescriptor.CPPTYPE_DOUBLE: ("string", "double"),
    FieldDescriptor.CPPTYPE_ENUM: ("string", "string"),
    FieldDescriptor.CPPTYPE_STRING: ("string", "string"),
}
_OF_MARK: Final = "map<string,string>"
"""Hive has no struct without fields; the JSON of a message without any is ``{}``."""
_TIMESTAMP: Final = "google.protobuf.Timestamp"
_TEXTS: Final = frozenset({_TIMESTAMP, "google.protobuf.Duration", "google.protobuf.FieldMask"})
"""Well-known types whose JSON is a text; the JSON of the others is of no one type, or of any."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the view and of the compacted table.

    Attributes:
        name: Its name.
        hive_type: Its type in DDL and in Glue, such as ``string``.
        expression: What it is of a line, in Athena's dialect.
    """

    name: str
    hive_type: str
    expression: str

    @property
    def athena_type(self) -> str:
        """Its type in queries, such as ``varchar``."""
        return athena_type(self.hive_type)


LINE: Final = (
    ("event_id", "string"),
    ("event_type", "string"),
    ("event_time", "string"),
    ("subscription_id", "string"),
    ("redelivered", "boolean"),
    ("received_at", "string"),
)
"""What every line has before its event, by name and Hive type."""


def line_columns(stream: EventStream) -> list[tuple[str, str]]:
    """Give the columns of a stream's lines, each with its Hive type.

    Raises:
        ValueError: The event has something for which there is no column type.
    """
    return [*LINE, ("event", _struct(_event(stream), ())), ("raw", "string")]


def table_columns(stream: EventStream, released: Sequence[str] = ()) -> list[Column]:
    """Give the columns of a stream's view and compacted table, but for ``dt``.

    Args:
        stream: The stream.
        released: The names of the columns that the table already has, in their order: they stay
            where they are, and new ones come after them.

    Raises:
        ValueError: Two columns would have one name, or one that is released would vanish, or
            there is no column type for something.
    """
    line_columns(stream)  # raises where there is none
    columns = [
        Column("event_id", "string", "event_id"),
        Column("copies", "bigint", "1"),
        Column("event_time", "timestamp", _as_timestamp("event_time")),
        Column("subscription_id", "string", "subscription_id"),
        Column("redelivered", "boolean", "redelivered"),
        Column("received_at", "timestamp", _as_timestamp("received_at")),
        *_flattened(_event(stream), "event", ()),
        Column("raw", "string", "raw"),
    ]
    by_name = {column.name: column for column in columns}
    if len(by_name) < len(columns) or "dt" in by_name:
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1} or {"dt"})
        raise ValueError(f"{stream.event_type}: two columns would be called {', '.join(twice)}")
    lost = [name for name in released if name not in by_name]
    if lost:
        raise ValueError(
            f"{stream.event_type}: the table has {', '.join(lost)}, which the messages in protos/"
            " no longer give. What is compacted can't be renamed: keep the field."
        )
    return [by_name[name] for name in dict.fromkeys((*released, *by_name))]


def athena_type(hive_type: str) -> str:
    """Give the name in queries of a type in DDL."""
    simple = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)"}
    if hive_type.startswith("array<"):
        return f"array({athena_type(hive_type[len('array<') : -1])})"
    return simple.get(hive_type, hive_type)


def _event(stream: EventStream) -> Descriptor:
    return _message(stream.payload_field)


def _message(field: FieldDescriptor) -> Descriptor:
    message = field.message_type
    if message is None:
        raise TypeError(f"{field.full_name} is not a message")
    return message


def _struct(message: Descriptor, within: Sequence[Descriptor]) -> str:
    if message in within:
        raise ValueError(f"{message.full_name} holds itself: no column type can")
    if not message.fields:
        return _OF_MARK
    members = (f"{field.name}:{_line_type(field, (*within, message))}" for field in message.fields)
    return f"struct<{','.join(members)}>"


def _line_type(field: FieldDescriptor, within: Sequence[Descriptor]) -> str:
    """Give the type of a field as the line has it."""
    if _is_map(field):
        value = _message(field).fields_by_name["value"]
        return f"map<string,{_line_type(value, within)}>"
    one = _KINDS[field.cpp_type][0] if _is_plain(field) else _struct_or_text(field, within)
    return f"array<{one}>" if field.is_repeated else one


def _struct_or_text(field: FieldDescriptor, within: Sequence[Descriptor]) -> str:
    message = _message(field)
    if message.full_name in _TEXTS:
        return "string"
    if message.full_name.startswith("google.protobuf."):
        raise ValueError(f"{field.full_name}: no column type for a {message.full_name}")
    return _struct(message, within)


def _flattened(message: Descriptor, path: str, names: Sequence[str]) -> Iterator[Column]:
    """Give the columns of a message that lies at a path within the line."""
    for field in message.fields:
        inner = f'{path}."{field.name}"'
        is_named = len(message.fields) > 1 or field.is_repeated or not names
        inner_names = (*names, field.name) if is_named else names
        name = "_".join(inner_names)
        if field.is_repeated or _is_map(field):
            yield Column(name, _line_type(field, ()), inner)
        elif _is_plain(field):
            line_type, table_type = _KINDS[field.cpp_type]
            cast = f"CAST({inner} AS {athena_type(table_type)})"
            yield Column(name, table_type, inner if line_type == table_type else cast)
        elif _message(field).full_name == _TIMESTAMP:
            yield Column(name, "timestamp", _as_timestamp(inner))
        elif _message(field).full_name in _TEXTS:
            yield Column(name, "string", inner)
        elif not _message(field).fields:
            yield Column(name, "boolean", f"{inner} IS NOT NULL")
        else:
            yield from _flattened(_message(field), inner, inner_names)


def _as_timestamp(text: str) -> str:
    # Athena's tables and views have timestamps in UTC, to the millisecond, without a zone.
    return f"CAST(from_iso8601_timestamp({text}) AS timestamp(3))"


def _is_plain(field: FieldDescriptor) -> bool:
    return field.cpp_type in _KINDS


def _is_map(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is not None and message.GetOptions().map_entry
