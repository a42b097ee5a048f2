"""Every shape that a message can have: each field alone, empty and full, at every depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

_VALUES: Final[dict[int, Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: True,
    FieldDescriptor.CPPTYPE_INT32: -(2**31),
    FieldDescriptor.CPPTYPE_UINT32: 2**32 - 1,
    FieldDescriptor.CPPTYPE_INT64: -(2**63),
    FieldDescriptor.CPPTYPE_UINT64: 2**64 - 1,
    FieldDescriptor.CPPTYPE_FLOAT: 1.5,
    FieldDescriptor.CPPTYPE_DOUBLE: 1e300,
    FieldDescriptor.CPPTYPE_STRING: "made up: \"é'\\\n😀",
    FieldDescriptor.CPPTYPE_ENUM: 0,
}


def shapes(descriptor: Descriptor) -> Iterator[Message]:
    """Yield messages of a type: an empty one, one for each shape of each field, a full one.

    For a well-known type, only its default is yielded.
    """
    new: Any = GetMessageClass(descriptor)
    yield new()
    if descriptor.file.package == "google.protobuf":
        return
    full = new()
    for field in descriptor.fields:
        for value in _values(field):
            message = new()
            for each in (message, full):
                _set(each, field, value)
            yield message
    if descriptor.fields:
        yield full


def _values(field: FieldDescriptor) -> Iterator[Any]:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        yield {"made up": _VALUES[message.fields_by_name["value"].cpp_type]}
    elif message is not None:
        yield from shapes(message)
    else:
        yield b"\xff\x00" if field.type == FieldDescriptor.TYPE_BYTES else _VALUES[field.cpp_type]


def _set(message: Any, field: FieldDescriptor, value: Any) -> None:
    if isinstance(value, dict):
        getattr(message, field.name).update(value)
    elif field.is_repeated:
        getattr(message, field.name).extend([value, value])
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(value)
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, value)
