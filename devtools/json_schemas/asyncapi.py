"""The AsyncAPI document of the queue."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devtools.json_schemas.messages import forms
from devtools.json_schemas.values import WRITTEN

if TYPE_CHECKING:
    from devtools.json_schemas.json_mapping import Schema

_PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"


def asyncapi(message_file: str, pointer_file: str) -> Schema:
    """Return the AsyncAPI document of the queue, which the stack sends to.

    Args:
        message_file: The path of the file with the schema of messages.
        pointer_file: The path of the file with the schema of pointers.
    """
    messages = {}
    for form in forms(pointer_file):
        part = {"$ref": f"{message_file}{form.part}" if form.part.startswith("#") else form.part}
        messages[form.name] = {
            "name": form.name,
            "summary": f"{form.summary}.",
            "contentType": form.content_type,
            "headers": {"$ref": f"{message_file}#/$defs/{form.name}Attributes"},
            "payload": part if form.is_alone else {"type": "array", "items": part},
        }
    return {
        "asyncapi": "3.0.0",
        "x-written": WRITTEN,
        "info": {
            "title": "Event drain",
            "version": tomllib.loads(_PROJECT.read_text())["project"]["version"],
            "description": "The queue that the stack sends events to. Headers are SQS message"
            " attributes. Split every body at newlines and parse each part as JSON.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "queue": {
                "address": None,
                "title": "Queue",
                "description": "An SQS queue: the stack's output `OutboxQueueUrl`, or with"
                " `QueuePerStream` an output for each stream.",
                "messages": messages,
            }
        },
        "operations": {
            "sendEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/queue"},
                "summary": "Send each event at least once.",
            }
        },
    }
