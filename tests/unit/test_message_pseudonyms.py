from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import any_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import assume, given
from hypothesis import strategies as st

from eventdrain.events import (
    NOT_PERSONAL,
    PERSONAL,
    STREAMS,
    DeliveryReader,
    Kind,
    MessagePseudonyms,
    Pseudonyms,
    message_pseudonyms,
    quarantined,
    response_of,
    unclassified,
)
from simulator.event_server import made_up_events
from tests.deliveries import (
    RECEIVED_AT,
    poison_message,
    responses,
    set_messages,
    stream_responses,
    unknown_fields,
    unreadable_message,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from eventdrain.events import Delivery, EventStream

PSEUDONYMS: Final = Pseudonyms(b"made-up-key-of-letters-and-digits-0123456789ABCDEF")
OTHERS: Final = Pseudonyms(b"another-key-of-letters-and-digits-0123456789ABCDEF")


def read(
    stream: EventStream, message: Message | bytes, pseudonyms: Pseudonyms | None = PSEUDONYMS
) -> Delivery:
    """Read a message with pseudonyms."""
    sent = message if isinstance(message, bytes) else message.SerializeToString()
    return DeliveryReader(stream, pseudonyms).read(sent, RECEIVED_AT)


def personal_texts(message: Message) -> Iterator[tuple[Kind, str]]:
    """Give what identifies somebody in a message, by looking at each of its fields."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                yield from personal_texts(part)
        elif field.full_name in PERSONAL:
            yield PERSONAL[field.full_name], value


def with_texts_replaced(message: Any) -> None:
    """Put in pseudonyms by walking the message itself, where the engine walks its descriptor."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                with_texts_replaced(part)
        elif field.full_name in PERSONAL:
            setattr(message, field.name, PSEUDONYMS.of(PERSONAL[field.full_name], value))


# --- Every field has its place ---


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_every_field_is_classified(stream: EventStream) -> None:
    """A field that somebody adds to protos/ must be called personal or not before this passes."""
    assert unclassified(response_of(stream)) == frozenset()


def test_tables_hold_nothing_else() -> None:
    """A field is in one table, and in some stream: what is mistyped would protect nobody."""
    there = {
        field.full_name for stream in STREAMS.values() for field in fields_of(response_of(stream))
    }
    assert PERSONAL.keys() & NOT_PERSONAL == set()
    assert PERSONAL.keys() | NOT_PERSONAL == there


def fields_of(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Give every text of a message type."""
    for field in message.fields:
        if field.message_type is not None:
            yield from fields_of(field.message_type)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield field


@pytest.mark.parametrize(
    "kind", [FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_BYTES, 3]
)
def test_new_field_is_found(kind: FieldDescriptorProto.Type.ValueType) -> None:
    """A text, bytes or a number in a type that nobody has classified are named."""
    message = message_with(kind, FieldDescriptorProto.LABEL_OPTIONAL)
    assert unclassified(message) == {"made_up.New.iccid"}


@pytest.mark.parametrize(
    ("name", "is_found"), [("StringValue", True), ("Any", True), ("Timestamp", False)]
)
def test_protobuf_s_own_texts_are_found(name: str, *, is_found: bool) -> None:
    """A text that is wrapped in one of protobuf's own types is named, and a time is not."""
    message = message_with(f".google.protobuf.{name}", FieldDescriptorProto.LABEL_OPTIONAL)
    assert unclassified(message) == ({"made_up.New.iccid"} if is_found else set())


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (".google.protobuf.StringValue", FieldDescriptorProto.LABEL_OPTIONAL),
        (FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.LABEL_OPTIONAL),
        (FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_REPEATED),
    ],
)
def test_personal_field_that_is_no_text_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    kind: str | FieldDescriptorProto.Type.ValueType,
    label: FieldDescriptorProto.Label.ValueType,
) -> None:
    """A field that is called personal and can hold no pseudonym is told before anything is read."""
    monkeypatch.setattr(message_pseudonyms, "PERSONAL", {"made_up.New.iccid": Kind.IMSI})
    with pytest.raises(ValueError, match=r"made_up\.New\.iccid is no single text"):
        message_pseudonyms._compile(message_with(kind, label), PSEUDONYMS)  # noqa: SLF001 - no stream has such a field


def test_text_and_part_of_one_message_are_both_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message type that has a personal text and a personal part keeps neither in the clear."""
    personal = {"made_up.New.iccid": Kind.IMSI, "made_up.Part.number": Kind.NUMBER}
    monkeypatch.setattr(message_pseudonyms, "PERSONAL", personal)
    new = DescriptorProto(name="New")
    add_field(new, "iccid", FieldDescriptorProto.TYPE_STRING)
    add_field(new, "part", ".made_up.Part")
    part = DescriptorProto(name="Part")
    add_field(part, "number", FieldDescriptorProto.TYPE_STRING)
    described = describe(new, part)
    message: Any = GetMessageClass(described)(iccid="1", part={"number": "+9990000000001"})
    change = message_pseudonyms._compile(described, PSEUDONYMS)  # noqa: SLF001 - no stream has such a type
    assert change is not None

    change(message)

    assert message.iccid == PSEUDONYMS.of(Kind.IMSI, "1")
    assert message.part.number == PSEUDONYMS.of(Kind.NUMBER, "+9990000000001")


def test_type_that_is_a_part_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields of such a type are named once; with something personal in it, it is refused."""
    new = DescriptorProto(name="New")
    add_field(new, "iccid", FieldDescriptorProto.TYPE_STRING)
    add_field(new, "part", ".made_up.New")
    described = describe(new)

    assert unclassified(described) == {"made_up.New.iccid"}
    monkeypatch.setattr(message_pseudonyms, "PERSONAL", {"made_up.New.iccid": Kind.IMSI})
    with pytest.raises(ValueError, match=r"made_up\.New is a part of itself"):
        message_pseudonyms._compile(described, PSEUDONYMS)  # noqa: SLF001 - no stream has such a type


def message_with(
    kind: str | FieldDescriptorProto.Type.ValueType, label: FieldDescriptorProto.Label.ValueType
) -> Descriptor:
    """Describe a message with one new field."""
    new = DescriptorProto(name="New")
    add_field(new, "iccid", kind, label)
    return describe(new)


def add_field(
    message: DescriptorProto,
    name: str,
    kind: str | FieldDescriptorProto.Type.ValueType,
    label: FieldDescriptorProto.Label.ValueType = FieldDescriptorProto.LABEL_OPTIONAL,
) -> None:
    """Add a field to a message: of a scalar type, or of a message type by its name."""
    field = message.field.add(name=name, number=len(message.field) + 1, label=label)
    if isinstance(kind, str):
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, kind
    else:
        field.type = kind


def describe(*messages: DescriptorProto) -> Descriptor:
    """Describe message types of a file that no stream uses, and return the first of them."""
    pool = DescriptorPool()
    for known in (any_pb2, timestamp_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.Add(
        FileDescriptorProto(
            name="new.proto",
            package="made_up",
            message_type=messages,
            dependency=[each.DESCRIPTOR.name for each in (any_pb2, timestamp_pb2, wrappers_pb2)],
        )
    )
    return pool.FindMessageTypeByName(f"made_up.{messages[0].name}")


def test_stream_with_such_a_field_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With pseudonyms on, a stream with a field that nobody has classified isn't drained."""
    monkeypatch.setattr(
        message_pseudonyms, "NOT_PERSONAL", NOT_PERSONAL - {"wgtwo.common.v1.Country.code"}
    )

    with pytest.raises(ValueError, match=r"wgtwo\.common\.v1\.Country\.code is personal"):
        MessagePseudonyms(STREAMS["country_change"], PSEUDONYMS)


# --- What is made of a message ---


@given(stream_responses())
def test_line_is_that_of_the_changed_message(drawn: tuple[EventStream, Any]) -> None:
    """Everything is what it would be, had the message come with pseudonyms in it."""
    stream, response = drawn
    changed = type(response)()
    changed.CopyFrom(response)
    with_texts_replaced(changed)

    delivery = read(stream, response)
    expected = read(stream, changed, pseudonyms=None)
    told, wanted = json.loads(delivery.line), json.loads(expected.line)

    if "raw" in wanted:
        raw = b64decode(told.pop("raw"))
        changed.metadata.ClearField("ack_info")
        assert stream.stream_response.FromString(raw) == changed
        wanted.pop("raw")
    assert told == wanted
    assert delivery._replace(line="") == expected._replace(line="")


@given(stream_responses())
def test_nothing_personal_is_left(drawn: tuple[EventStream, Message]) -> None:
    """What a message says of anybody is neither in the line nor in what goes beside it."""
    stream, response = drawn
    texts = {text for _, text in personal_texts(response)}
    assume(all(len(text) > len("madeup") for text in texts))

    delivery = read(stream, response)

    told = json.dumps(json.loads(delivery.line), ensure_ascii=False)
    assert [text for text in texts if text in told] == []
    assert delivery.subscription_id not in texts


def test_made_up_events_of_one_person_can_be_joined() -> None:
    """A number, an IMSI and a subscription have one pseudonym each in all streams."""
    found: dict[tuple[Kind, str], set[str]] = {}
    for name, stream in STREAMS.items():
        for event in made_up_events(name, 50, seed=3):
            response = stream.stream_response.FromString(event.undelivered)
            clear = list(personal_texts(response))
            MessagePseudonyms(stream, PSEUDONYMS).apply(response, event.undelivered)
            for (kind, text), (_, pseudonym) in zip(clear, personal_texts(response), strict=True):
                found.setdefault((kind, text), set()).add(pseudonym)
    assert {kind for kind, _ in found} == set(Kind)
    assert all(len(pseudonyms) == 1 for pseudonyms in found.values())
    several = [text for (_, text) in found if text.startswith("+999")]
    assert len(several) >= 50 / 2  # each of them in all five streams


# --- The id ---


@given(responses(STREAMS["handset_change"]), responses(STREAMS["handset_change"]))
def test_ids_differ_where_events_do(one: Message, other: Message) -> None:
    """Two events have one id with pseudonyms if they have one without them."""
    stream = STREAMS["handset_change"]

    is_one = read(stream, one).event_id == read(stream, other).event_id
    assert is_one == (
        read(stream, one, pseudonyms=None).event_id == read(stream, other, pseudonyms=None).event_id
    )


@given(stream_responses(), unknown_fields, st.booleans())
def test_id_can_t_be_tried(
    drawn: tuple[EventStream, Any],
    extra: bytes,
    is_redelivered: bool,  # noqa: FBT001 - drawn
) -> None:
    """What isn't known enters the id by the key alone, the same for every delivery."""
    stream, response = drawn
    getattr(response, stream.payload_field.name).MergeFromString(extra)
    again = type(response)()
    again.CopyFrom(response)
    again.metadata.ack_info.value = "another"
    again.metadata.is_redelivered = is_redelivered

    delivery = read(stream, response)

    assert read(stream, again).event_id == delivery.event_id
    assert read(stream, response, OTHERS).event_id != delivery.event_id
    without = type(response)()
    without.CopyFrom(response)
    without.DiscardUnknownFields()
    assert read(stream, without).event_id != delivery.event_id


# --- What can't be pseudonymised ---


@given(stream_responses(), unknown_fields, st.data())
def test_unknown_fields_are_withheld(
    drawn: tuple[EventStream, Message], extra: bytes, data: st.DataObject
) -> None:
    """A field that isn't known is not in the line, and with the whole message in a record."""
    stream, response = drawn
    line = json.loads(read(stream, response).line)
    holder: Any = data.draw(st.sampled_from(list(set_messages(response))), label="holder")
    holder.MergeFromString(extra)
    message = response.SerializeToString()

    delivery = read(stream, message)
    record = json.loads(delivery.withheld)

    told = json.loads(delivery.line)
    assert {**told, "event_id": ""} == {**line, "event_id": ""}
    assert b64decode(record["raw"], validate=True) == message
    assert record["event_id"] == delivery.event_id == told["event_id"]
    assert record["reason"] == "has fields that are not known"


@given(stream_responses())
def test_known_fields_are_not_withheld(drawn: tuple[EventStream, Message]) -> None:
    """Of a message that is known whole nothing is kept in the clear."""
    assert read(*drawn).withheld == ""


def test_without_pseudonyms_nothing_is_withheld() -> None:
    """Without pseudonyms a line keeps what isn't known, and there is no record beside it."""
    message = b"\x12\x05\xfa\x7c\x02ab"

    delivery = read(STREAMS["handset_change"], message, pseudonyms=None)

    assert (delivery.withheld, "raw" in json.loads(delivery.line)) == ("", True)


@pytest.mark.parametrize("message", [poison_message(1), unreadable_message(1)])
def test_quarantine_s_id_can_t_be_tried(message: bytes) -> None:
    """The id of a message in quarantine is another under each key, and the same under one."""
    ids = [
        quarantined(
            message, RECEIVED_AT, event_type="handset_change", reason="", pseudonyms=pseudonyms
        ).event_id
        for pseudonyms in (None, PSEUDONYMS, OTHERS, PSEUDONYMS)
    ]

    assert len(set(ids)) == 3
    assert ids[1] == ids[3]
    assert poison_id(delivery=1) == poison_id(delivery=2)


def poison_id(delivery: int) -> str:
    """Give the id of one delivery of an event that can't be read."""
    return quarantined(
        poison_message(1, delivery=delivery),
        RECEIVED_AT,
        event_type="handset_change",
        reason="",
        pseudonyms=PSEUDONYMS,
    ).event_id
