"""The values of an event that are not from its payload, in lines, pointers, records, attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devtools.json_schemas.json_mapping import BASE64, TIME
from eventdrain.events import STREAMS, event_id

if TYPE_CHECKING:
    from devtools.json_schemas.json_mapping import Schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
WRITTEN: Final = "Written by `make template` from protos/ and the engine."

EVENT_ID: Final[Schema] = {
    "description": "The same for every delivery of the event: use it to recognise duplicates.",
    "type": "string",
    "pattern": f"^[0-9a-f]{{{len(event_id('', None, None, b''))}}}$",
}
EVENT_TYPE: Final[Schema] = {
    "description": "The stream.",
    "type": "string",
    "enum": list(STREAMS),
}
EVENT_TIME: Final[Schema] = {
    **TIME,
    "description": "When it happened; null if the server sent no time.",
    "type": ["string", "null"],
}
SUBSCRIPTION_ID: Final[Schema] = {
    "description": "The subscription: `wg2rn`, else the deprecated `value`; null if the event has"
    " neither. With `Pseudonymise`, a pseudonym.",
    "type": ["string", "null"],
    "minLength": 1,
}
REDELIVERED: Final[Schema] = {
    "description": "Whether the server marked this delivery as sent before.",
    "type": "boolean",
}
RECEIVED_AT: Final[Schema] = {**TIME, "description": "When the drain received it."}
ORIGINAL: Final[Schema] = {**BASE64, "description": "The original message."}


def document(name: str, title: str, description: str, content: Schema) -> Schema:
    """Return the schema of a file.

    The identifier is relative: it names no host, and references between the files work wherever
    they lie together.

    Args:
        name: The file's name.
        title: The name of the type that a generator would make of it.
        description: One sentence or more.
        content: The other keywords.
    """
    return {
        "$schema": DIALECT,
        "$id": name,
        "$comment": WRITTEN,
        "title": title,
        "description": description,
        **content,
    }


def object_of(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """Return the schema of an object that has all properties but for optional ones."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
