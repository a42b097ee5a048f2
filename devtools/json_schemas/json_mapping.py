"""The schema of a message type in protobuf's JSON mapping, as the engine writes it.

The keys are the fields' names in ``protos/``. No field is required: unset fields are absent.

Source: the table of the ProtoJSON format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf.descriptor import FieldDescriptor

from drainctl.catalogue import is_map, message_of
from eventdrain.events import PERSONAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

Schema: TypeAlias = dict[str, Any]

TIME: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.([0-9]{3}){1,3})?Z$",
}
"""RFC 3339 in UTC."""
BASE64: Final[Schema] = {"type": "string", "contentEncoding": "base64"}
"""Bytes."""

_SPECIAL: Final = "google.protobuf"
"""The package of the types with a special JSON form."""
_SPECIAL_TYPES: Final[Mapping[str, Schema]] = {
    "Any": {"type": "object", "required": ["@type"]},
    "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.([0-9]{3}){1,3})?s$"},
    "Empty": {"type": "object"},
    "FieldMask": {"type": "string"},
    "ListValue": {"type": "array"},
    "Struct": {"type": "object"},
    "Timestamp": TIME,
    "Value": {},
}
"""All but the wrappers, which are their values."""

_SIGNED: Final[Schema] = {"type": "string", "pattern": "^-?[0-9]+$"}
_UNSIGNED: Final[Schema] = {"type": "string", "pattern": "^[0-9]+$"}
_FLOAT: Final[Schema] = {
    "anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}],
}
_SCALARS: Final[Mapping[int, Schema]] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_INT32: {
        "type": "integer",
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
    },
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    # Most readers of JSON would round a number.
    FieldDescriptor.CPPTYPE_INT64: _SIGNED,
    FieldDescriptor.CPPTYPE_UINT64: _UNSIGNED,
    FieldDescriptor.CPPTYPE_FLOAT: _FLOAT,
    FieldDescriptor.CPPTYPE_DOUBLE: _FLOAT,
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
"""The schema of a field that is no message, enum or bytes, by its ``cpp_type``."""


class MessageSchemas:
    """Builds the schemas of message types, which refer to each other.

    Args:
        comments: What becomes a description, by full name.

    Attributes:
        definitions: The schemas so far: ``$defs`` of the schema that uses the references.
    """

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self._names: dict[str, str] = {}
        self.definitions: dict[str, Schema] = {}

    def of(self, message: Descriptor) -> Schema:
        """Return the schema of a message type: a reference, unless its JSON form is special."""
        if message.file.package == _SPECIAL:
            if message.name in _SPECIAL_TYPES:
                return dict(_SPECIAL_TYPES[message.name])
            return self._one(message.fields_by_name["value"])
        if message.full_name not in self._names:
            name = message.full_name.removeprefix(f"{message.file.package}.")
            name = message.full_name if name in self.definitions else name
            self._names[message.full_name] = name
            self.definitions[name] = {}  # the type may hold itself
            self.definitions[name] = self._message(message)
        return {"$ref": f"#/$defs/{self._names[message.full_name]}"}

    def _message(self, message: Descriptor) -> Schema:
        sentences = [self._comments.get(message.full_name, "")]
        for group in message.oneofs:
            if len(group.fields) > 1:
                members = ", ".join(f"`{field.name}`" for field in group.fields)
                sentences += [
                    self._comments.get(group.full_name, ""),
                    f"At most one of {members} is present.",
                ]
        return {
            "title": message.name,
            **_described(sentences),
            "type": "object",
            "properties": {field.name: self._field(field) for field in message.fields},
        }

    def _field(self, field: FieldDescriptor) -> Schema:
        if is_map(field):
            value = message_of(field).fields_by_name["value"]
            schema: Schema = {"type": "object", "additionalProperties": self._one(value)}
        else:
            schema = self._one(field)
            if field.is_repeated:
                schema = {"type": "array", "items": schema}
        sentences = [self._comments.get(field.full_name, "")]
        if field.full_name in PERSONAL:
            sentences.append("With `Pseudonymise`, a pseudonym.")
        return {**schema, **_described(sentences)}

    def _one(self, field: FieldDescriptor) -> Schema:
        """Return the schema of one value of a field."""
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return dict(BASE64)
        return dict(_SCALARS[field.cpp_type])


def _enum(enum: EnumDescriptor) -> Schema:
    """Return the schema of an enum: a name, or the number of a value that ``protos/`` lacks."""
    if enum.full_name == f"{_SPECIAL}.NullValue":
        return {"type": "null"}
    return {"type": ["string", "integer"], "examples": [value.name for value in enum.values]}


def _described(sentences: list[str]) -> Schema:
    description = " ".join(filter(None, map(str.strip, sentences)))
    return {"description": description} if description else {}
