from __future__ import annotations

import json
from base64 import b64decode
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.events import (
    NOT_PERSONAL,
    PERSONAL,
    STREAMS,
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
    EventReader,
    poison_message,
    set_messages,
    stream_responses,
    unknown_fields,
    unreadable_message,
)
from tests.made_up_stream import stream_of

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
    return EventReader(stream, pseudonyms).read(sent, RECEIVED_AT)


def personal_texts(message: Message) -> Iterator[tuple[Message, str, Kind, str]]:
    """Yield the personal values of a message, by a search of all fields."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                yield from personal_texts(part)
        elif field.full_name in PERSONAL:
            yield message, field.name, PERSONAL[field.full_name], value


# --- Every field is classified ---


def test_every_field_is_in_one_table() -> None:
    """Every field in protos/ is classified as personal or not, and every entry is a field.

    A mistyped entry would protect nobody.
    """
    responses = [response_of(stream) for stream in STREAMS.values()]
    assert frozenset().union(*map(unclassified, responses)) == frozenset()
    there = {field.full_name for response in responses for field in fields_of(response)}
    assert PERSONAL.keys() & NOT_PERSONAL == set()
    assert PERSONAL.keys() | NOT_PERSONAL == there


def fields_of(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Return every text of a message type."""
    for field in message.fields:
        if field.message_type is not None:
            yield from fields_of(field.message_type)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield field


@pytest.mark.parametrize(
    "kind",
    [
        *("string", "bytes", "int64", "string repeated", ".odd.Odd.Note"),
        *(".google.protobuf.StringValue", ".google.protobuf.Any"),
    ],
)
def test_new_field_is_found(kind: str) -> None:
    """An unclassified string, bytes or number is named, also if wrapped."""
    name = "odd.Odd.Note.text" if kind == ".odd.Odd.Note" else "odd.Odd.iccid"
    assert unclassified(odd_type(f"iccid {kind}", "time .google.protobuf.Timestamp")) == {name}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (["iccid .google.protobuf.StringValue"], "Odd.iccid cannot be pseudonymised"),
        (["iccid int64"], "Odd.iccid cannot be pseudonymised"),
        (["iccid string repeated"], "Odd.iccid cannot be pseudonymised"),
        (["iccid string", "part .odd.Odd"], "Odd holds personal data and is recursive"),
    ],
)
def test_type_that_can_not_be_pseudonymised(
    monkeypatch: pytest.MonkeyPatch, fields: list[str], reason: str
) -> None:
    """A personal field that can't hold a pseudonym, or is in a recursive type, is an error.

    The fields of other recursive types are named once.
    """
    described = odd_type(*fields)
    assert unclassified(described) == {"odd.Odd.iccid"}
    monkeypatch.setattr(message_pseudonyms, "PERSONAL", {"odd.Odd.iccid": Kind.IMSI})
    with pytest.raises(ValueError, match=reason):
        message_pseudonyms._compile(described, PSEUDONYMS)  # noqa: SLF001 - no stream has such a type


def test_text_and_part_of_one_message_are_both_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a message with a personal string and a personal submessage, both are replaced."""
    personal = {"odd.Odd.iccid": Kind.IMSI, "odd.Odd.Note.text": Kind.NUMBER}
    monkeypatch.setattr(message_pseudonyms, "PERSONAL", personal)
    described = odd_type("iccid string", "part .odd.Odd.Note")
    message: Any = GetMessageClass(described)(iccid="1", part={"text": "+9990000000001"})
    change = message_pseudonyms._compile(described, PSEUDONYMS)  # noqa: SLF001 - no stream has such a type
    assert change is not None
    change(message)
    assert message.iccid == PSEUDONYMS.of(Kind.IMSI, "1")
    assert message.part.text == PSEUDONYMS.of(Kind.NUMBER, "+9990000000001")


def odd_type(*fields: str) -> Descriptor:
    """Make a message type that no stream uses."""
    found = stream_of(*fields).payload_field.message_type
    assert found is not None
    return found


def test_stream_with_such_a_field_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """With pseudonyms on, a stream with an unclassified field isn't drained."""
    monkeypatch.setattr(
        message_pseudonyms, "NOT_PERSONAL", NOT_PERSONAL - {"wgtwo.common.v1.Country.code"}
    )
    with pytest.raises(ValueError, match=r"wgtwo\.common\.v1\.Country\.code"):
        MessagePseudonyms(STREAMS["country_change"], PSEUDONYMS)


# --- Lines with pseudonyms ---


@given(stream_responses())
def test_line_is_that_of_the_changed_message(drawn: tuple[EventStream, Any]) -> None:
    """The line is the same as if the message had arrived with pseudonyms."""
    stream, response = drawn
    changed = deepcopy(response)
    for holder, name, kind, text in list(personal_texts(changed)):
        setattr(holder, name, PSEUDONYMS.of(kind, text))

    delivery = read(stream, response)
    expected = read(stream, changed, pseudonyms=None)
    line_read, wanted = json.loads(delivery.line), json.loads(expected.line)

    if "raw" in wanted:
        raw = b64decode(line_read.pop("raw"))
        changed.metadata.ClearField("ack_info")
        assert stream.stream_response.FromString(raw) == changed
        wanted.pop("raw")
    assert line_read == wanted
    assert delivery._replace(line="") == expected._replace(line="")


def test_made_up_events_of_one_person_can_be_joined() -> None:
    """A number, an IMSI and a subscription have the same pseudonym in all streams."""
    found: dict[tuple[Kind, str], set[str]] = {}
    for name, stream in STREAMS.items():
        for event in made_up_events(name, 50, seed=3):
            response = stream.stream_response.FromString(event.undelivered)
            clear = list(personal_texts(response))
            MessagePseudonyms(stream, PSEUDONYMS).apply(response, event.undelivered)
            for before, after in zip(clear, personal_texts(response), strict=True):
                found.setdefault(before[2:], set()).add(after[3])
    assert {kind for kind, _ in found} == set(Kind)
    assert all(len(pseudonyms) == 1 for pseudonyms in found.values())
    several = [text for (_, text) in found if text.startswith("+999")]
    assert len(several) >= 50 / 2  # each of them in all five streams


# --- The id ---


@given(stream_responses(), unknown_fields, st.booleans())
def test_id_can_t_be_guessed(
    drawn: tuple[EventStream, Any],
    extra: bytes,
    is_redelivered: bool,  # noqa: FBT001 - drawn
) -> None:
    """Unknown fields affect the id only with the key, and equally in every delivery."""
    stream, response = drawn
    getattr(response, stream.payload_field.name).MergeFromString(extra)
    again = deepcopy(response)
    again.metadata.ack_info.value = "another"
    again.metadata.is_redelivered = is_redelivered

    delivery = read(stream, response)

    assert read(stream, again).event_id == delivery.event_id
    assert read(stream, response, OTHERS).event_id != delivery.event_id
    response.DiscardUnknownFields()
    assert read(stream, response).event_id != delivery.event_id


# --- What can't be pseudonymised ---


@given(stream_responses(), unknown_fields, st.data())
def test_unknown_fields_go_to_quarantine_only(
    drawn: tuple[EventStream, Message], extra: bytes, data: st.DataObject
) -> None:
    """An unknown field is not in the line; the whole message is in a record in quarantine."""
    stream, response = drawn
    line = json.loads(read(stream, response).line)
    holder: Any = data.draw(st.sampled_from(list(set_messages(response))), label="holder")
    holder.MergeFromString(extra)
    message = response.SerializeToString()

    delivery = read(stream, message)
    record = json.loads(delivery.original)

    line_read = json.loads(delivery.line)
    assert {**line_read, "event_id": ""} == {**line, "event_id": ""}
    assert b64decode(record["raw"], validate=True) == message
    assert record["event_id"] == delivery.event_id == line_read["event_id"]
    assert record["reason"] == "has fields that are not known"


@pytest.mark.parametrize("message", [poison_message(1, delivery=1), unreadable_message(1)])
def test_quarantine_s_id_can_t_be_guessed(message: bytes) -> None:
    """The id of a message in quarantine differs by key, and is constant for a key."""

    def id_with(pseudonyms: Pseudonyms | None) -> str:
        return quarantined(
            message, RECEIVED_AT, event_type="handset_change", reason="", pseudonyms=pseudonyms
        ).event_id

    assert len({id_with(None), id_with(PSEUDONYMS), id_with(OTHERS)}) == 3
    first = id_with(PSEUDONYMS)
    message = message.replace(b"ack-1-1", b"ack-1-2")
    assert id_with(PSEUDONYMS) == first
