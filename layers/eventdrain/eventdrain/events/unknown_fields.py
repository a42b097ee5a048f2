"""Fields of a message that our descriptors don't know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message


def discard_unknown_fields(message: Message) -> bool:
    """Take them out of a message, at every depth, and tell whether there were any."""
    # Discarding is one call into C for the whole tree, where asking walks it message by message
    # in Python.
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message.ByteSize() != size
