"""The outbox's messages: one for each event, packed into batches that SQS takes.

Source: the SQS developer guide, message quotas: ten messages and 1 MiB in all for one batch, and
as much for one message; names, types and values of attributes count.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from eventdrain.pointer import pointer, pointing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from eventdrain.archive import ArchiveLayout
    from eventdrain.delivery import Delivery

MOST_BYTES: Final = 1024 * 1024
_MOST_MESSAGES: Final = 10
_GROUP_ID: Final = re.compile(r"[!-~]{1,128}")
"""SQS API reference, MessageGroupId: up to 128 ASCII letters, digits and punctuation marks."""


class Message(NamedTuple):
    """One message.

    Attributes:
        event_id: The event's.
        body: Its line, or a pointer to where it is; ASCII.
        attributes: Texts by name.
        group: What it is grouped by in a FIFO queue: its subscription, or itself if it has none.
    """

    event_id: str
    body: str
    attributes: Mapping[str, str]
    group: str

    @property
    def size(self) -> int:
        """Its size in bytes as SQS counts it."""
        size = len(self.body)
        for name, value in self.attributes.items():
            size += len(name) + len("String") + len(value)
        return size

    @property
    def group_id(self) -> str:
        """Its group in a FIFO queue, as SQS allows it."""
        return self.group if _GROUP_ID.fullmatch(self.group) else _digest(self.group)


def message(delivery: Delivery, layout: ArchiveLayout) -> Message:
    """Write the message of an event.

    Args:
        delivery: The event.
        layout: Where the archive has it, if the message must point there.
    """
    attributes = {"event_id": delivery.event_id, "event_type": delivery.event_type}
    body = delivery.line
    if reason := pointing(delivery):
        attributes["pointer"] = reason.value
        body = pointer(delivery, bucket=layout.bucket, key=layout.key([delivery]))
    return Message(
        delivery.event_id, body, attributes, delivery.subscription_id or delivery.event_id
    )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def pack(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    """Pack messages, each within the limit, into as few batches as their order allows."""
    batch: list[Message] = []
    size = 0
    for each in messages:
        added = each.size
        if batch and (len(batch) == _MOST_MESSAGES or size + added > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += added
    if batch:
        yield batch
