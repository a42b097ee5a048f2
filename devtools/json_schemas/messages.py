"""The schemas of queue messages and of pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from devtools.json_schemas import values
from devtools.json_schemas.lines import line_file
from eventdrain.events import EVENTS, REPLAYED, STREAMS, PointerReason

if TYPE_CHECKING:
    from devtools.json_schemas.json_mapping import Schema

_REPLAYED: Final[Schema] = {
    "description": "Only in a message that a replay sent: the replay's name.",
    "type": "string",
    "minLength": 1,
}


class Form(NamedTuple):
    """A form of message.

    Attributes:
        name: A name for types; that of its attributes has ``Attributes`` appended.
        summary: When it is sent.
        content_type: The media type of its body.
        attributes: The attributes besides ``event_type`` and ``replayed``.
        part: The reference to the schema of a part of its body, from its own file.
        is_alone: Whether there is one part.
    """

    name: str
    summary: str
    content_type: str
    attributes: dict[str, Schema]
    part: str
    is_alone: bool


def forms(pointer_file: str) -> tuple[Form, ...]:
    """Return the forms of messages."""
    return (
        Form(
            "OneEvent",
            "A message of one event: its line",
            "application/json",
            {"event_id": values.EVENT_ID},
            "#/$defs/Line",
            is_alone=True,
        ),
        Form(
            "SeveralEvents",
            "A message of a stack with `EventsPerMessage` above 1: lines separated by newlines",
            "application/x-ndjson",
            {
                EVENTS: {
                    "description": "The number of lines; an attribute of type Number.",
                    "type": "string",
                    "pattern": "^[1-9][0-9]*$",
                }
            },
            "#/$defs/Line",
            is_alone=False,
        ),
        Form(
            "PointerMessage",
            "A message that points to an event in S3",
            "application/json",
            {
                "event_id": values.EVENT_ID,
                "pointer": {
                    "description": "Why: the line is too large for a message, or the event is in"
                    " quarantine.",
                    "type": "string",
                    "enum": [reason.value for reason in PointerReason],
                },
            },
            pointer_file,
            is_alone=True,
        ),
    )


def message_schema(name: str, pointer_file: str) -> Schema:
    """Return the schema of a message.

    Args:
        name: The file's name.
        pointer_file: The name of the file with the schema of pointers.
    """
    definitions: dict[str, Schema] = {
        "Line": {
            "title": "Line",
            "anyOf": [{"$ref": line_file(stream)} for stream in STREAMS.values()],
        }
    }
    for form in forms(pointer_file):
        attributes = {**form.attributes, "event_type": values.EVENT_TYPE, REPLAYED: _REPLAYED}
        definitions[f"{form.name}Attributes"] = {
            "title": f"{form.name}Attributes",
            **values.object_of(attributes, optional=(REPLAYED,)),
        }
        body = {"type": "array", "items": {"$ref": form.part}, "minItems": 1}
        definitions[form.name] = {
            "title": form.name,
            "description": f"{form.summary}.",
            **values.object_of(
                {
                    "attributes": {"$ref": f"#/$defs/{form.name}Attributes"},
                    "body": {**body, "maxItems": 1} if form.is_alone else body,
                }
            ),
        }
    return values.document(
        name,
        "Message",
        "A message of the queue. `attributes` are the values of its message attributes by name."
        " `body` is its body, split at newlines, each part parsed as JSON.",
        {
            "anyOf": [{"$ref": f"#/$defs/{form.name}"} for form in forms(pointer_file)],
            "$defs": definitions,
        },
    )


def pointer_schema(name: str) -> Schema:
    """Return the schema of a pointer.

    Args:
        name: The file's name.
    """
    text = {"type": "string", "minLength": 1}
    return values.document(
        name,
        "Pointer",
        "The location of an event that is not in the message.",
        values.object_of(
            {
                "event_id": values.EVENT_ID,
                "event_type": values.EVENT_TYPE,
                "event_time": values.EVENT_TIME,
                "subscription_id": values.SUBSCRIPTION_ID,
                "redelivered": values.REDELIVERED,
                "received_at": values.RECEIVED_AT,
                "s3": {
                    "title": "Location",
                    "description": "An object in S3: one line, or an original message.",
                    **values.object_of({"bucket": text, "key": text}),
                },
            }
        ),
    )
