"""All files of ``schemas`` that this package writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devtools.json_schemas.asyncapi import asyncapi
from devtools.json_schemas.lines import line_file, line_schema, original_message_schema
from devtools.json_schemas.messages import message_schema, pointer_schema
from devtools.json_schemas.proto_comments import proto_comments
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from devtools.json_schemas.json_mapping import Schema

_FOLDER: Final = "json"
_MESSAGE: Final = "message.json"
_POINTER: Final = "pointer.json"
_ORIGINAL_MESSAGE: Final = "original_message.json"


def schemas() -> dict[str, Schema]:
    """Return every schema and the AsyncAPI document, by the file's path below ``schemas``."""
    comments = proto_comments()
    in_folder = {
        **{line_file(stream): line_schema(stream, comments) for stream in STREAMS.values()},
        _ORIGINAL_MESSAGE: original_message_schema(_ORIGINAL_MESSAGE),
        _POINTER: pointer_schema(_POINTER),
        _MESSAGE: message_schema(_MESSAGE, _POINTER),
    }
    return {
        **{f"{_FOLDER}/{name}": schema for name, schema in in_folder.items()},
        "asyncapi.json": asyncapi(f"{_FOLDER}/{_MESSAGE}", f"{_FOLDER}/{_POINTER}"),
    }
