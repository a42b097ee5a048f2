from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import (
    any_pb2,
    json_format,
    struct_pb2,
    timestamp_pb2,
)
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.errors import UnreadableDelivery
from eventdrain.events import STREAMS, json_mapping
from tests.deliveries import descriptor_of, messages
from tests.made_up_stream import stream_of
from wgtwo.subscription.v1.subscription_events_pb2 import HandsetChangeEvent

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message


def payload_type(event_type: str) -> Descriptor:
    """Return the message type of a stream's payload."""
    found = STREAMS[event_type].payload_field.message_type
    assert found is not None
    return found


@given(st.data())
@pytest.mark.parametrize("event_type", STREAMS)
def test_equals_protobufs_own_for_each_stream(event_type: str, data: st.DataObject) -> None:
    """The mapping equals protobuf's for every field of every stream."""
    payload = data.draw(messages(payload_type(event_type)))
    assert json.loads(json_mapping(descriptor_of(payload))(payload)) == json_format.MessageToDict(
        payload, preserving_proto_field_name=True
    )


def test_keys_come_in_the_order_of_the_proto() -> None:
    """Keys have the order of the fields in the .proto file."""
    event = HandsetChangeEvent()
    for name in ("number", "imsi", "current", "previous"):
        getattr(event, name).SetInParent()
    assert list(json.loads(json_mapping(HandsetChangeEvent.DESCRIPTOR)(event))) == [
        "previous",
        "current",
        "imsi",
        "number",
    ]


# --- Kinds of fields that no current payload has ---


_SCALARS: Final = set(FieldDescriptorProto.Type.keys()) - {
    "TYPE_MESSAGE",
    "TYPE_GROUP",
    "TYPE_ENUM",
}
_KINDS: Final = (
    *sorted(name.removeprefix("TYPE_").lower() for name in _SCALARS),
    *(".odd.Odd.Kind", ".odd.Odd.Note", ".odd.Odd"),
    *(f".google.protobuf.{name}" for name in ("Timestamp", "StringValue", "Int64Value")),
)


def odd_type(*fields: str) -> Descriptor:
    """Make a message type of some fields, which may be of its own type."""
    found = stream_of(*fields).payload_field.message_type
    assert found is not None
    return found


def scalar_of(field: FieldDescriptor) -> object:
    """Return a value that a field of a scalar kind can have, and that is not its default."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"\xff"
    return {
        FieldDescriptor.CPPTYPE_STRING: "é",
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_DOUBLE: 1.5,
        FieldDescriptor.CPPTYPE_FLOAT: 1.5,
    }.get(field.cpp_type, 1)


@pytest.mark.parametrize("label", ["optional", "repeated"])
@pytest.mark.parametrize("kind", _KINDS)
def test_every_kind_of_field_is_mapped(kind: str, label: str) -> None:
    """Every kind of field is mapped to JSON, also those that no stream has yet."""
    response: Any = stream_of("first string", f"field {kind} {label}").stream_response()
    response.odd.first = "é"
    field = response.odd.DESCRIPTOR.fields_by_name["field"]
    value = response.odd.field
    if field.message_type is not None:
        (value.add() if field.is_repeated else value).SetInParent()
    elif field.is_repeated:
        value.append(scalar_of(field))
    else:
        response.odd.field = scalar_of(field)
    for message in (response, response.odd):
        text = json_mapping(message.DESCRIPTOR)(message)
        assert text.isascii()
        expected = json_format.MessageToDict(message, preserving_proto_field_name=True)
        assert json.loads(text) == expected


@pytest.mark.parametrize(
    ("type_name", "part", "expected"),
    [
        pytest.param(".google.protobuf.StringValue", {"value": "b"}, "b", id="wrapped text"),
        pytest.param(".odd.Odd", {"text": "b"}, {"text": "b"}, id="part of itself"),
    ],
)
def test_part_decides_the_form(type_name: str, part: dict[str, str], expected: object) -> None:
    """Wrapped strings and recursive messages are mapped too."""
    message_type = odd_type("text string", f"part {type_name}")
    text = json_mapping(message_type)(GetMessageClass(message_type)(text="a", part=part))
    assert json.loads(text) == {"text": "a", "part": expected}


@pytest.mark.parametrize(
    "payload",
    [
        timestamp_pb2.Timestamp(seconds=10**15),
        struct_pb2.Value(number_value=float("inf")),
        any_pb2.Any(type_url="made.up/Unknown", value=b"\x08\x01"),
    ],
    ids=["time out of range", "infinity", "unknown type"],
)
def test_whatever_json_format_raises_is_unreadable(payload: Message) -> None:
    """An event that protobuf's JSON mapping can't write is quarantined."""
    with pytest.raises(UnreadableDelivery, match="has no JSON form"):
        json_mapping(descriptor_of(payload))(payload)
