"""Unknown fields: fields of a message that our descriptors do not define."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message


def discard_unknown_fields(message: Message) -> bool:
    """Remove the unknown fields of a message, at any depth; return whether there were any."""
    # Discarding handles the whole tree in C; finding unknown fields would walk it in Python.
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message.ByteSize() != size
