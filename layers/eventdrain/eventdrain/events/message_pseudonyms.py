"""Pseudonyms within messages: a response is changed in place before anything is made of it.

The walk over the descriptors is done once for a stream and leaves one closure for each message type
that holds something personal, so that an event costs its digests and little more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf.descriptor import FieldDescriptor

from eventdrain.events.personal_fields import NOT_PERSONAL, PERSONAL
from eventdrain.events.unknown_fields import discard_unknown_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.descriptor import Descriptor

    from eventdrain.events.personal_fields import Kind
    from eventdrain.events.pseudonyms import Pseudonyms
    from eventdrain.events.streams import EventStream

Change: TypeAlias = "Callable[[Any], None]"

_SPECIAL: Final = "google.protobuf"
_NOBODYS: Final = frozenset({"Timestamp", "Duration", "Empty", "BoolValue"})
"""Those of protobuf's own types that can't name anybody. Others can: ``StringValue`` and ``Struct``
hold texts, ``Any`` holds anything."""
_HARMLESS: Final = frozenset({FieldDescriptor.CPPTYPE_BOOL, FieldDescriptor.CPPTYPE_ENUM})


class MessagePseudonyms:
    """Puts pseudonyms into the responses of one stream.

    Args:
        stream: The stream.
        pseudonyms: The pseudonyms.

    Raises:
        ValueError: A field of the stream's messages is in no table of ``personal_fields``.
    """

    def __init__(self, stream: EventStream, pseudonyms: Pseudonyms) -> None:
        response = response_of(stream)
        if missing := sorted(unclassified(response)):
            raise ValueError(
                f"{stream.event_type} can't be pseudonymised: personal_fields doesn't say whether"
                f" {', '.join(missing)} is personal"
            )
        self._pseudonyms = pseudonyms
        self._parse = stream.stream_response.FromString
        self._payload_name = stream.payload_field.name
        self._change = _compile(response, pseudonyms) or _nothing

    def apply(self, response: Any, message: bytes) -> tuple[bytes, bool]:
        """Change a response in place. Fields that our descriptors don't know are taken out of it.

        Args:
            response: The response, parsed.
            message: What it was parsed from.

        Returns:
            What the event's id is made of in the place of its payload, and whether there were
            unknown fields. These may hold anything, so they enter the id by a keyed digest: an id
            that is made of clear text could be used to try guesses at it.
        """
        has_unknown = discard_unknown_fields(response)
        content = None
        if has_unknown:
            payload = getattr(self._parse(message), self._payload_name)
            if payload.ByteSize() != getattr(response, self._payload_name).ByteSize():
                content = payload.SerializeToString(deterministic=True)
        self._change(response)
        if content is not None:
            return self._pseudonyms.event_part(content), has_unknown
        payload = getattr(response, self._payload_name)
        return payload.SerializeToString(deterministic=True), has_unknown


def response_of(stream: EventStream) -> Descriptor:
    """Give the type of a stream's responses."""
    response = stream.payload_field.containing_type
    if response is None:
        raise TypeError(f"{stream.payload_field.full_name} belongs to no message")
    return response


def unclassified(message: Descriptor) -> frozenset[str]:
    """Name the fields within a message type that ``personal_fields`` doesn't say anything of."""
    return frozenset(
        field.full_name
        for field in _fields(message, frozenset())
        if field.full_name not in PERSONAL and field.full_name not in NOT_PERSONAL
    )


def _fields(message: Descriptor, within: frozenset[str]) -> Iterator[FieldDescriptor]:
    """Give every field of a message type, at every depth, that could hold something personal."""
    if message.full_name in within:
        return
    for field in message.fields:
        if field.message_type is not None and field.message_type.file.package == _SPECIAL:
            if field.message_type.name not in _NOBODYS:
                yield field
        elif field.message_type is not None:
            yield from _fields(field.message_type, within | {message.full_name})
        elif field.cpp_type not in _HARMLESS:
            yield field


def _compile(
    message: Descriptor, pseudonyms: Pseudonyms, within: frozenset[str] = frozenset()
) -> Change | None:
    """Compile the change of a message type; None if there is nothing personal in it.

    Args:
        message: The message type.
        pseudonyms: The pseudonyms.
        within: The names of the types that it is a part of.

    Raises:
        ValueError: A personal field is no single text, or its type is a part of itself.
    """
    if message.full_name in within:
        raise ValueError(f"{message.full_name} is a part of itself, and holds personal data")
    texts: list[tuple[str, Kind]] = []
    parts: list[tuple[str, Change]] = []
    for field in message.fields:
        kind = PERSONAL.get(field.full_name)
        change = None
        if field.message_type is not None and _has_personal(field.message_type):
            change = _compile(field.message_type, pseudonyms, within | {message.full_name})
        is_text = field.type == FieldDescriptor.TYPE_STRING
        if (kind and not is_text) or ((kind or change) and field.is_repeated):
            raise ValueError(f"{field.full_name} is no single text, and only these have pseudonyms")
        if kind:
            texts.append((field.name, kind))
        if change:
            parts.append((field.name, change))
    if len(texts) == 1 and not parts:
        return _of_one_text(*texts[0], pseudonyms)
    return _of_message(texts, parts, pseudonyms) if texts or parts else None


def _has_personal(message: Descriptor) -> bool:
    return any(field.full_name in PERSONAL for field in _fields(message, frozenset()))


def _of_one_text(name: str, kind: Kind, pseudonyms: Pseudonyms) -> Change:
    """Compile the change of a message of one such text, as most of them are."""
    of = pseudonyms.of

    def change(message: Any) -> None:
        if text := getattr(message, name):
            setattr(message, name, of(kind, text))

    return change


def _of_message(
    texts: list[tuple[str, Kind]], parts: list[tuple[str, Change]], pseudonyms: Pseudonyms
) -> Change:
    of = pseudonyms.of

    def change(message: Any) -> None:
        for name, kind in texts:
            if text := getattr(message, name):
                setattr(message, name, of(kind, text))
        for name, change_part in parts:
            if message.HasField(name):
                change_part(getattr(message, name))

    return change


def _nothing(_message: Any) -> None:
    """Change nothing: there is nothing personal."""
