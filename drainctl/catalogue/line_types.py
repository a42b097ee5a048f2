"""The types of the values in a line, as protobuf's JSON mapping writes them.

The types are computed from descriptors and do not depend on a reader. ``columns`` translates them
for Hive, Glue and Athena; ``devtools.reader_schemas`` for readers that use no catalog.

Source: the table of the ProtoJSON format.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import Descriptor

    from eventdrain.events import EventStream


class Scalar(Enum):
    """The type of a value without parts."""

    BOOLEAN = "boolean"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT = "float"
    """A number, or one of the strings NaN, Infinity and -Infinity."""
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Mark:
    """A message without fields: an empty object. Only its presence has a meaning."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A message: an object without the unset fields.

    Attributes:
        members: The name and type of each field.
    """

    members: tuple[tuple[str, LineType], ...]


@dataclass(frozen=True, slots=True)
class Array:
    """A repeated field: an array.

    Attributes:
        of: The type of the array's values.
    """

    of: LineType


@dataclass(frozen=True, slots=True)
class Map:
    """A map: an object with arbitrary keys.

    Attributes:
        of: The type of the object's values.
    """

    of: LineType


LineType: TypeAlias = Scalar | Mark | Struct | Array | Map

SCALARS: Final = {
    FieldDescriptor.CPPTYPE_BOOL: Scalar.BOOLEAN,
    FieldDescriptor.CPPTYPE_INT32: Scalar.INT32,
    FieldDescriptor.CPPTYPE_UINT32: Scalar.UINT32,
    # The JSON mapping writes 64-bit integers as strings, because many readers round large numbers.
    FieldDescriptor.CPPTYPE_INT64: Scalar.TEXT,
    FieldDescriptor.CPPTYPE_UINT64: Scalar.TEXT,
    FieldDescriptor.CPPTYPE_FLOAT: Scalar.FLOAT,
    FieldDescriptor.CPPTYPE_DOUBLE: Scalar.FLOAT,
    FieldDescriptor.CPPTYPE_ENUM: Scalar.TEXT,
    FieldDescriptor.CPPTYPE_STRING: Scalar.TEXT,
}
"""The types of fields that are not messages, by ``cpp_type``."""
TIMESTAMP: Final = "google.protobuf.Timestamp"
TEXTS: Final = frozenset({TIMESTAMP, "google.protobuf.Duration", "google.protobuf.FieldMask"})
"""Well-known types whose JSON is always a string. The other well-known types have no fixed type."""


def line_types(stream: EventStream) -> dict[str, LineType]:
    """Return the type of each key of a stream's lines, in the order of the keys.

    Raises:
        ValueError: A field of the event has no fixed type.
    """
    return {
        "event_id": Scalar.TEXT,
        "event_type": Scalar.TEXT,
        "event_time": Scalar.TEXT,
        "subscription_id": Scalar.TEXT,
        "redelivered": Scalar.BOOLEAN,
        "received_at": Scalar.TEXT,
        "event": _message_type(message_of(stream.payload_field), ()),
        "raw": Scalar.TEXT,
    }


def field_type(field: FieldDescriptor, within: Sequence[Descriptor] = ()) -> LineType:
    """Return the type of a field of an event.

    Args:
        field: The field.
        within: The enclosing message types, to detect recursive types.

    Raises:
        ValueError: The field has no fixed type.
    """
    if is_map(field):
        return Map(field_type(message_of(field).fields_by_name["value"], within))
    scalar = SCALARS.get(field.cpp_type)
    one = _of_message(field, within) if scalar is None else scalar
    return Array(one) if field.is_repeated else one


def is_map(field: FieldDescriptor) -> bool:
    """Return whether a field is a map."""
    message = field.message_type
    return message is not None and message.GetOptions().map_entry


def message_of(field: FieldDescriptor) -> Descriptor:
    """Return the message type of a field.

    Raises:
        TypeError: The field is not a message.
    """
    message = field.message_type
    if message is None:
        raise TypeError(f"{field.full_name} is not a message")
    return message


def _of_message(field: FieldDescriptor, within: Sequence[Descriptor]) -> LineType:
    message = message_of(field)
    if message.full_name in TEXTS:
        return Scalar.TEXT
    if message.full_name.startswith("google.protobuf."):
        raise ValueError(f"{field.full_name}: no column type for a {message.full_name}")
    return _message_type(message, within)


def _message_type(message: Descriptor, within: Sequence[Descriptor]) -> LineType:
    if message in within:
        raise ValueError(f"{message.full_name} is recursive: no column type can represent it")
    if not message.fields:
        return Mark()
    inside = (*within, message)
    return Struct(tuple((field.name, field_type(field, inside)) for field in message.fields))
