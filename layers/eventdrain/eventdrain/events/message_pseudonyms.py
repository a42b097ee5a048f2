"""Pseudonyms in messages: a parsed response is changed in place before anything else uses it.

The descriptors are walked once per stream. This compiles one closure for each message type with
personal data, so that an event costs little more than its digests.
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
_NOT_PERSONAL_TYPES: Final = frozenset({"Timestamp", "Duration", "Empty", "BoolValue"})
"""Well-known protobuf types that cannot identify a person. Others can: ``StringValue`` and
``Struct`` hold strings, ``Any`` holds any message."""
_NOT_PERSONAL_KINDS: Final = frozenset({FieldDescriptor.CPPTYPE_BOOL, FieldDescriptor.CPPTYPE_ENUM})


class MessagePseudonyms:
    """Replaces personal data in the responses of one stream with pseudonyms.

    Args:
        stream: The stream.
        pseudonyms: Computes the pseudonyms.

    Raises:
        ValueError: A field of the stream's messages is missing from the tables in
            ``personal_fields``.
    """

    def __init__(self, stream: EventStream, pseudonyms: Pseudonyms) -> None:
        response = response_of(stream)
        if missing := sorted(unclassified(response)):
            raise ValueError(
                f"{stream.event_type} cannot be pseudonymised: personal_fields does not classify"
                f" {', '.join(missing)}"
            )
        self._pseudonyms = pseudonyms
        self._parse = stream.stream_response.FromString
        self._payload_name = stream.payload_field.name
        self._change = _compile(response, pseudonyms) or _nothing

    def apply(self, response: Any, message: bytes) -> tuple[bytes, bool]:
        """Replace personal data in a response and remove its unknown fields, in place.

        Args:
            response: The parsed response.
            message: The bytes that it was parsed from.

        Returns:
            The payload part of the event id, and whether the response had unknown fields. Unknown
            fields may hold personal data, so a payload with unknown fields enters the id as a
            keyed digest. A plain digest would allow guesses to be verified.
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
    """Return the message type of a stream's responses."""
    response = stream.payload_field.containing_type
    if response is None:
        raise TypeError(f"{stream.payload_field.full_name} is not a field of a message")
    return response


def unclassified(message: Descriptor) -> frozenset[str]:
    """Return the full names of the fields that ``personal_fields`` does not classify."""
    return frozenset(
        field.full_name
        for field in _fields(message, frozenset())
        if field.full_name not in PERSONAL and field.full_name not in NOT_PERSONAL
    )


def _fields(message: Descriptor, within: frozenset[str]) -> Iterator[FieldDescriptor]:
    """Yield every field of a message type, at any depth, that could hold personal data."""
    if message.full_name in within:
        return
    for field in message.fields:
        if field.message_type is not None and field.message_type.file.package == _SPECIAL:
            if field.message_type.name not in _NOT_PERSONAL_TYPES:
                yield field
        elif field.message_type is not None:
            yield from _fields(field.message_type, within | {message.full_name})
        elif field.cpp_type not in _NOT_PERSONAL_KINDS:
            yield field


def _compile(
    message: Descriptor, pseudonyms: Pseudonyms, within: frozenset[str] = frozenset()
) -> Change | None:
    """Compile the change of a message type; return None if it holds no personal data.

    Args:
        message: The message type.
        pseudonyms: Computes the pseudonyms.
        within: The names of the enclosing message types.

    Raises:
        ValueError: A personal field is not a singular string, or the type is recursive.
    """
    if message.full_name in within:
        raise ValueError(f"{message.full_name} holds personal data and is recursive")
    texts: list[tuple[str, Kind]] = []
    parts: list[tuple[str, Change]] = []
    for field in message.fields:
        kind = PERSONAL.get(field.full_name)
        change = None
        if field.message_type is not None and _has_personal(field.message_type):
            change = _compile(field.message_type, pseudonyms, within | {message.full_name})
        is_text = field.type == FieldDescriptor.TYPE_STRING
        if (kind and not is_text) or ((kind or change) and field.is_repeated):
            raise ValueError(
                f"{field.full_name} cannot be pseudonymised: it is repeated, or it is personal but"
                " not a string"
            )
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
    """Compile the change of a message with one personal string, the most common case."""
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
    """Change nothing: the message type holds no personal data."""
