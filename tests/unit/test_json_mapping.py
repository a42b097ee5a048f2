from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import (
    any_pb2,
    field_mask_pb2,
    json_format,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.errors import UnreadableDelivery
from eventdrain.events import STREAMS, json_mapping
from tests.deliveries import descriptor_of, messages, streams
from wgtwo.consents.v1.consent_events_pb2 import (
    ConsentAdded,
    ConsentChangeEvent,
    ConsentRevoked,
)
from wgtwo.subscription.v1.subscription_events_pb2 import HandsetChangeEvent

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

OPTIONAL: Final = FieldDescriptorProto.LABEL_OPTIONAL
REPEATED: Final = FieldDescriptorProto.LABEL_REPEATED


def payload_type(event_type: str) -> Descriptor:
    """Give the message type of a stream's payload."""
    found = STREAMS[event_type].payload_field.message_type
    assert found is not None
    return found


payloads: Final = streams.flatmap(lambda stream: messages(payload_type(stream.event_type)))


@given(payloads)
def test_equals_protobufs_own(payload: Message) -> None:
    """The mapping is protobuf's own, for whatever payload of any stream."""
    assert json.loads(json_mapping(descriptor_of(payload))(payload)) == json_format.MessageToDict(
        payload, preserving_proto_field_name=True
    )


@given(st.data())
@pytest.mark.parametrize("event_type", STREAMS)
def test_equals_protobufs_own_for_each_stream(event_type: str, data: st.DataObject) -> None:
    """No stream has a field that the mapping gets wrong."""
    payload = data.draw(messages(payload_type(event_type)))

    assert json.loads(json_mapping(descriptor_of(payload))(payload)) == json_format.MessageToDict(
        payload, preserving_proto_field_name=True
    )


def test_unset_is_absent_and_empty_is_there() -> None:
    """A message that is set and empty stays, one that is unset does not."""
    event = HandsetChangeEvent()
    event.previous.SetInParent()

    assert json_mapping(HandsetChangeEvent.DESCRIPTOR)(event) == '{"previous":{}}'


def test_members_of_a_oneof() -> None:
    """A member of a oneof is there if it is the chosen one, though it is empty."""
    convert = json_mapping(ConsentChangeEvent.DESCRIPTOR)

    assert convert(ConsentChangeEvent(revoked=ConsentRevoked(), tenant="")) == (
        '{"revoked":{},"tenant":""}'
    )
    assert convert(ConsentChangeEvent(added=ConsentAdded(scopes=["b", "a"]))) == (
        '{"added":{"scopes":["b","a"]}}'
    )


def test_keys_come_in_the_order_of_the_proto() -> None:
    """Keys have the order of the fields in the .proto file, so that lines stay comparable."""
    event = HandsetChangeEvent()
    for name in ("number", "imsi", "current", "previous"):
        getattr(event, name).SetInParent()

    assert list(json.loads(json_mapping(HandsetChangeEvent.DESCRIPTOR)(event))) == [
        "previous",
        "current",
        "imsi",
        "number",
    ]


# --- Kinds of fields that no payload has ---


def made_up_type() -> Descriptor:
    """Make a message type with every kind of field that proto3 has, in it and within another."""
    pool = DescriptorPool()
    for well_known in (timestamp_pb2, wrappers_pb2, field_mask_pb2, struct_pb2):
        pool.AddSerializedFile(well_known.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto(name="made_up.proto", package="made", syntax="proto3")
    file.dependency.extend(
        f"google/protobuf/{name}.proto"
        for name in ("timestamp", "wrappers", "field_mask", "struct")
    )
    file.enum_type.add(name="Kind").value.add(name="NONE", number=0)
    file.enum_type[0].value.add(name="ESIM", number=1)
    plain = file.message_type.add(name="Plain")
    plain.field.add(name="text", number=1, type=FieldDescriptorProto.TYPE_STRING)
    odd = file.message_type.add(name="Odd")
    outer = file.message_type.add(name="MadeUp")
    outer.field.add(name="first", number=1, type=FieldDescriptorProto.TYPE_STRING)
    outer.field.add(
        name="odd", number=2, type=FieldDescriptorProto.TYPE_MESSAGE, type_name=".made.Odd"
    )
    outer.field.add(
        name="plain", number=3, type=FieldDescriptorProto.TYPE_MESSAGE, type_name=".made.Plain"
    )
    scalars = set(FieldDescriptorProto.Type.values()) - {
        FieldDescriptorProto.TYPE_MESSAGE,
        FieldDescriptorProto.TYPE_GROUP,  # not in proto3
        FieldDescriptorProto.TYPE_ENUM,
    }
    kinds = [(scalar, "") for scalar in sorted(scalars)]
    kinds += [(FieldDescriptorProto.TYPE_ENUM, ".made.Kind")]
    kinds += [
        (FieldDescriptorProto.TYPE_MESSAGE, name)
        for name in (
            ".made.Plain",
            ".made.Odd",  # a part of itself
            ".google.protobuf.Timestamp",
            ".google.protobuf.StringValue",
            ".google.protobuf.FieldMask",
            ".google.protobuf.Struct",
        )
    ]
    for number, (kind, type_name) in enumerate(kinds, start=1):
        for label, offset in ((OPTIONAL, 0), (REPEATED, 100)):
            field = odd.field.add(
                name=f"field_{number + offset}", number=number + offset, type=kind, label=label
            )
            if type_name:
                field.type_name = type_name
    pool.Add(file)
    return pool.FindMessageTypeByName("made.MadeUp")


MADE_UP: Final = made_up_type()
ODD: Final = MADE_UP.file.message_types_by_name["Odd"]


def scalar_of(field: FieldDescriptor) -> object:
    """Give a value that a field of a scalar kind can have, and that is not its default."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"\xff"
    return {
        FieldDescriptor.CPPTYPE_STRING: "é",
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_DOUBLE: 1.5,
        FieldDescriptor.CPPTYPE_FLOAT: 1.5,
    }.get(field.cpp_type, 1)


@pytest.mark.parametrize("field", list(ODD.fields), ids=lambda field: field.name)
def test_every_kind_of_field_is_mapped(field: FieldDescriptor) -> None:
    """A stream may have fields that none has today: whatever they are, they become JSON."""
    made_up: Any = GetMessageClass(MADE_UP)(first="é")
    odd = made_up.odd
    value = getattr(odd, field.name)
    if field.message_type is not None:
        (value.add() if field.is_repeated else value).SetInParent()
    elif field.is_repeated:
        value.append(scalar_of(field))
    else:
        setattr(odd, field.name, scalar_of(field))

    text = json_mapping(MADE_UP)(made_up)

    assert text.isascii()
    assert json.loads(text) == json_format.MessageToDict(made_up, preserving_proto_field_name=True)


def described(type_name: str) -> Descriptor:
    """Describe a message type of a text, and of a message of another type."""
    file = FileDescriptorProto(name="described.proto", package="made", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="Described")
    message.field.add(name="text", number=1, type=FieldDescriptorProto.TYPE_STRING)
    message.field.add(
        name="part", number=2, type=FieldDescriptorProto.TYPE_MESSAGE, type_name=type_name
    )
    pool = DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool.FindMessageTypeByName("made.Described")


@pytest.mark.parametrize(
    ("type_name", "part", "expected"),
    [
        pytest.param(".google.protobuf.StringValue", {"value": "b"}, "b", id="wrapped text"),
        pytest.param(".made.Described", {"text": "b"}, {"text": "b"}, id="part of itself"),
    ],
)
def test_part_decides_the_form(type_name: str, part: dict[str, str], expected: object) -> None:
    """A wrapped text is a text, and a message may be a part of itself, beside nothing but texts."""
    message_type = described(type_name)

    text = json_mapping(message_type)(GetMessageClass(message_type)(text="a", part=part))

    assert json.loads(text) == {"text": "a", "part": expected}


def test_message_without_a_json_form_is_unreadable() -> None:
    """A time that protobuf's JSON mapping can't write makes the event one for the quarantine."""
    timestamps = [
        field
        for field in ODD.fields
        if field.message_type is not None
        and field.message_type.name == "Timestamp"
        and not field.is_repeated
    ]
    made_up: Any = GetMessageClass(MADE_UP)()
    getattr(made_up.odd, timestamps[0].name).seconds = 10**15

    with pytest.raises(UnreadableDelivery, match="has no JSON form"):
        json_mapping(MADE_UP)(made_up)


@pytest.mark.parametrize(
    "payload",
    [
        struct_pb2.Value(number_value=float("inf")),
        any_pb2.Any(type_url="made.up/Unknown", value=b"\x08\x01"),
    ],
    ids=["infinity", "unknown type"],
)
def test_whatever_json_format_raises_is_unreadable(payload: Message) -> None:
    """What protobuf's JSON mapping refuses by errors of other kinds is unreadable as well."""
    with pytest.raises(UnreadableDelivery, match="has no JSON form"):
        json_mapping(descriptor_of(payload))(payload)
