from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.json_mapping import json_mapping
from eventdrain.streams import STREAMS
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


def message_type(*fields: FieldDescriptorProto, imports: tuple[str, ...] = ()) -> Descriptor:
    """Make a message type ``MadeUp`` with these fields."""
    pool = DescriptorPool()
    for name in imports:
        well_known = FileDescriptorProto()
        _well_known_file(name).CopyToProto(well_known)
        pool.Add(well_known)
    file = FileDescriptorProto(name="made_up.proto", package="made", syntax="proto3")
    file.dependency.extend(imports)
    file.message_type.add(name="MadeUp").field.extend(fields)
    file.enum_type.add(name="Kind").value.add(name="NONE", number=0)
    pool.Add(file)
    return pool.FindMessageTypeByName("made.MadeUp")


def _well_known_file(name: str) -> Any:  # noqa: ANN401 - a descriptor of whatever implementation
    from google.protobuf import (  # noqa: PLC0415
        descriptor_pool,
        field_mask_pb2,
        wrappers_pb2,
    )

    assert field_mask_pb2.DESCRIPTOR
    assert wrappers_pb2.DESCRIPTOR
    return descriptor_pool.Default().FindFileByName(name)


def field_of(
    kind: FieldDescriptorProto.Type.ValueType,
    label: FieldDescriptorProto.Label.ValueType = OPTIONAL,
    type_name: str | None = None,
) -> FieldDescriptorProto:
    """Make a field ``odd``."""
    return FieldDescriptorProto(
        name="odd", number=1, type=kind, label=label, type_name=type_name or ""
    )


@pytest.mark.parametrize(
    "kind",
    sorted(
        set(FieldDescriptorProto.Type.values())
        - {
            FieldDescriptorProto.TYPE_STRING,
            FieldDescriptorProto.TYPE_MESSAGE,
            FieldDescriptorProto.TYPE_GROUP,  # not in proto3
            FieldDescriptorProto.TYPE_ENUM,
        }
    ),
    ids=lambda kind: FieldDescriptorProto.Type.Name(kind).lower(),
)
@pytest.mark.parametrize("label", [OPTIONAL, REPEATED], ids=["one", "repeated"])
def test_other_scalars_are_refused(
    kind: FieldDescriptorProto.Type.ValueType, label: FieldDescriptorProto.Label.ValueType
) -> None:
    """A field of a kind that is not mapped is told of by name before any event is read."""
    with pytest.raises(TypeError, match=r"made\.MadeUp\.odd"):
        json_mapping(message_type(field_of(kind, label)))


@pytest.mark.parametrize("label", [OPTIONAL, REPEATED], ids=["one", "repeated"])
def test_enums_are_refused(label: FieldDescriptorProto.Label.ValueType) -> None:
    """An enum has a mapping of its own in protobuf, which ours lacks."""
    with pytest.raises(TypeError, match=r"made\.MadeUp\.odd"):
        json_mapping(message_type(field_of(FieldDescriptorProto.TYPE_ENUM, label, ".made.Kind")))


def test_repeated_messages_are_refused() -> None:
    """A list of messages, and so a map, is not mapped."""
    with pytest.raises(TypeError, match=r"made\.MadeUp\.odd"):
        json_mapping(
            message_type(
                field_of(FieldDescriptorProto.TYPE_MESSAGE, REPEATED, ".made.MadeUp"),
            )
        )


@pytest.mark.parametrize("well_known", ["StringValue", "FieldMask"])
def test_well_known_types_are_refused(well_known: str) -> None:
    """A type whose JSON form is not that of a message is refused or mapped as protobuf does."""
    imports = {
        "StringValue": "google/protobuf/wrappers.proto",
        "FieldMask": "google/protobuf/field_mask.proto",
    }
    with pytest.raises(TypeError):
        json_mapping(
            message_type(
                field_of(
                    FieldDescriptorProto.TYPE_MESSAGE,
                    type_name=f".google.protobuf.{well_known}",
                ),
                imports=(imports[well_known],),
            )
        )
