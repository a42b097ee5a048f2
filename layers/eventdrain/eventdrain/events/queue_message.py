"""Queue messages: their bodies and attributes, and how they are packed into batches.

=============== ========================================== ========================================
message         body                                       attributes
=============== ========================================== ========================================
one event       its line                                   ``event_id``, ``event_type``
several events  their lines, separated by newlines         ``event_type``, ``events``
pointer         see ``pointer``                            ``event_id``, ``event_type``, ``pointer``
=============== ========================================== ========================================

If the stack allows several events per message, every message of lines has the second form, even
with a single event. The attribute ``events``, the number of events, identifies this form. No
message ends with a newline. Consumers can therefore read all messages in the same way: split the
body at newlines and parse each part as JSON.

A message sent by a replay also has the attribute ``replayed``, the replay's name.

Limits (SQS developer guide, message quotas): a batch holds at most ten messages and 1 MiB in total;
a message holds at most 1 MiB. The names, types and values of attributes count.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from eventdrain.events.pointer import MAX_LINE_BYTES, pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from eventdrain.events.archive import ArchiveLayout
    from eventdrain.events.delivery import Delivery

MAX_MESSAGE_BYTES: Final = 1024 * 1024
EVENTS: Final = "events"
"""The attribute with a message's number of events, the only numeric attribute."""
REPLAYED: Final = "replayed"
"""The attribute with the name of the replay that sent a message."""
_MAX_BATCH_MESSAGES: Final = 10
_GROUP_ID: Final = re.compile(r"[!-~]{1,128}")
"""SQS API reference, MessageGroupId: up to 128 ASCII letters, digits and punctuation marks."""


class Message(NamedTuple):
    """One queue message.

    Attributes:
        event_ids: The ids of its events, in the order of the body.
        body: The events' lines, or a pointer; ASCII.
        attributes: Attribute values by name.
        group: What a FIFO queue groups the message by: the event's subscription id, or the event id
            if there is none. Empty for a message of several events, which FIFO queues do not get.
    """

    event_ids: Sequence[str]
    body: str
    attributes: Mapping[str, str]
    group: str = ""

    @property
    def size(self) -> int:
        """The message's size in bytes, as SQS counts it."""
        names_and_values = "".join(self.attributes) + "".join(self.attributes.values())
        types = len("String") * len(self.attributes)  # "Number" is as long
        return len(self.body) + len(names_and_values) + types

    @property
    def group_id(self) -> str:
        """The group as a valid MessageGroupId: hashed if SQS does not allow its characters."""
        return self.group if _GROUP_ID.fullmatch(self.group) else _digest(self.group)


def is_fifo(queue_url: str) -> bool:
    """Return whether a queue is FIFO, which SQS requires its name to show."""
    return queue_url.endswith(".fifo")


def max_events_per_message(*, is_fifo: bool) -> int:
    """Return the maximum number of events in a message.

    A message of a FIFO queue has one group id and one deduplication id, but each event has its own.
    """
    return 1 if is_fifo else 100


def messages(
    deliveries: Iterable[Delivery], layout: ArchiveLayout, *, events_per_message: int
) -> Iterator[Message]:
    """Build the messages of events, in the order of the events.

    Args:
        deliveries: The events, all of one stream.
        layout: The archive that pointers point to.
        events_per_message: The maximum number of events in a message. A pointer is always a message
            of its own.
    """
    if events_per_message == 1:
        return (message(delivery, layout) for delivery in deliveries)
    return _messages_of_several(deliveries, layout, events_per_message)


def _messages_of_several(
    deliveries: Iterable[Delivery], layout: ArchiveLayout, max_events: int
) -> Iterator[Message]:
    lines: list[Delivery] = []
    length = 0  # of all lines, each with a newline
    for delivery in deliveries:
        is_line = delivery.pointer is None
        # The space that the longest line leaves for attributes suffices for those of several.
        has_room = len(lines) < max_events and length + len(delivery.line) <= MAX_LINE_BYTES
        if lines and not (is_line and has_room):
            yield _message_of_lines(lines)
            lines, length = [], 0
        if is_line:
            lines.append(delivery)
            length += len(delivery.line) + 1
        else:
            yield message(delivery, layout)
    if lines:
        yield _message_of_lines(lines)


def _message_of_lines(deliveries: Sequence[Delivery]) -> Message:
    attributes = {"event_type": deliveries[0].event_type, EVENTS: str(len(deliveries))}
    return Message(
        [delivery.event_id for delivery in deliveries],
        "\n".join([delivery.line for delivery in deliveries]),
        attributes,
    )


def message(delivery: Delivery, layout: ArchiveLayout) -> Message:
    """Build the message of one event.

    Args:
        delivery: The event.
        layout: The archive that a pointer points to.
    """
    attributes = {"event_id": delivery.event_id, "event_type": delivery.event_type}
    body = delivery.line
    if delivery.pointer is not None:
        attributes["pointer"] = delivery.pointer.value
        body = pointer(delivery, bucket=layout.bucket, key=layout.key([delivery]))
    return Message(
        (delivery.event_id,), body, attributes, delivery.subscription_id or delivery.event_id
    )


def mark_replayed(messages: Iterable[Message], replay: str) -> Iterator[Message]:
    """Add the attribute ``replayed`` to messages.

    Args:
        messages: The messages as the drain would send them.
        replay: The replay's name. ``replay.check_name`` limits its length, so that every message
            still fits.
    """
    for each in messages:
        yield each._replace(attributes={**each.attributes, REPLAYED: replay})


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def pack(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    """Pack messages into as few batches as possible without changing their order."""
    batch: list[Message] = []
    size = 0
    for each in messages:
        added = each.size
        if batch and (len(batch) == _MAX_BATCH_MESSAGES or size + added > MAX_MESSAGE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += added
    if batch:
        yield batch
