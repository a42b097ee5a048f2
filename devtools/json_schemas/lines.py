"""The schemas of lines in the archive, and of the records of original messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools.json_schemas import values
from devtools.json_schemas.json_mapping import MessageSchemas
from drainctl.catalogue import message_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.json_schemas.json_mapping import Schema
    from eventdrain.events import EventStream


def line_file(stream: EventStream) -> str:
    """Return the name of the file with the schema of a stream's lines."""
    return f"{stream.event_type}_line.json"


def line_schema(stream: EventStream, comments: Mapping[str, str]) -> Schema:
    """Return the schema of a stream's lines."""
    messages = MessageSchemas(comments)
    event = messages.of(message_of(stream.payload_field))
    properties = {
        "event_id": values.EVENT_ID,
        "event_type": {"type": "string", "const": stream.event_type},
        "event_time": values.EVENT_TIME,
        "subscription_id": values.SUBSCRIPTION_ID,
        "redelivered": values.REDELIVERED,
        "received_at": values.RECEIVED_AT,
        "event": event,
        "raw": {
            **values.ORIGINAL,
            "description": "The original message, if the other keys can't represent all of it.",
        },
    }
    method = f"{stream.service.full_name}.{stream.stream_method}"
    what, _, _ = comments.get(method, f"An event of {stream.event_type}").partition(".")
    return values.document(
        line_file(stream),
        f"{stream.event_type.title().replace('_', '')}Line",
        f"{what}.",
        {
            **values.object_of(properties, optional=("raw",)),
            "$defs": messages.definitions,
        },
    )


def original_message_schema(name: str) -> Schema:
    """Return the schema of the record of an original message: ``original_message`` of the engine.

    Args:
        name: The file's name.
    """
    return values.document(
        name,
        "OriginalMessage",
        "An event in quarantine, which a pointer points to: the message that can't become a line."
        " The message is not pseudonymised.",
        values.object_of(
            {
                "event_id": values.EVENT_ID,
                "event_type": values.EVENT_TYPE,
                "reason": {"description": "Why it is kept.", "type": "string"},
                "received_at": values.RECEIVED_AT,
                "raw": values.ORIGINAL,
            }
        ),
    )
