"""The queue's messages: what each says, and which are sent together.

=============== ========================================== ========================================
message         body                                       attributes
=============== ========================================== ========================================
one event's     its line                                   ``event_id``, ``event_type``
several events' their lines, a newline between any two     ``event_type``, ``events``
pointer         see ``pointer``                            ``event_id``, ``event_type``, ``pointer``
=============== ========================================== ========================================

Messages of several events are sent if more than one is asked for, and then also where there is but
one: ``events``, their number, tells such a message from the others. It names no event, for its
lines do. No message ends in a newline, so that one way to read them does for all: split the body at
newlines, and read each part as JSON.

A message that is sent again by a replay has the attribute ``replayed`` too, the replay's name.

Source of the limits: the SQS developer guide, message quotas: ten messages and 1 MiB in all for one
batch, and as much for one message; names, types and values of attributes count.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from eventdrain.events.pointer import LONGEST_LINE, pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from eventdrain.events.archive import ArchiveLayout
    from eventdrain.events.delivery import Delivery

MOST_BYTES: Final = 1024 * 1024
EVENTS: Final = "events"
"""The attribute of a message of several events that says how many. A number, the only one."""
REPLAYED: Final = "replayed"
"""The attribute of a message that was sent again: which replay did it."""
_MOST_MESSAGES: Final = 10
_GROUP_ID: Final = re.compile(r"[!-~]{1,128}")
"""SQS API reference, MessageGroupId: up to 128 ASCII letters, digits and punctuation marks."""


class Message(NamedTuple):
    """One message.

    Attributes:
        event_ids: Whose it is: one event's or, in their order, several events'.
        body: Their lines, or a pointer to where the event is; ASCII.
        attributes: Texts by name.
        group: What it is grouped by in a FIFO queue: the event's subscription, or the event itself
            if it has none. Empty for several events, which no FIFO queue gets in one message.
    """

    event_ids: Sequence[str]
    body: str
    attributes: Mapping[str, str]
    group: str = ""

    @property
    def size(self) -> int:
        """Its size in bytes as SQS counts it."""
        names_and_values = "".join(self.attributes) + "".join(self.attributes.values())
        types = len("String") * len(self.attributes)  # "Number" is as long
        return len(self.body) + len(names_and_values) + types

    @property
    def group_id(self) -> str:
        """Its group in a FIFO queue, as SQS allows it."""
        return self.group if _GROUP_ID.fullmatch(self.group) else _digest(self.group)


def messages(
    deliveries: Iterable[Delivery], layout: ArchiveLayout, *, events_per_message: int
) -> Iterator[Message]:
    """Write the messages of events, in the order of the events, each in one of them.

    Args:
        deliveries: The events, all of one stream.
        layout: Where the archive has an event whose message must point there.
        events_per_message: How many events a message has at the most. Pointers stay single.
    """
    if events_per_message == 1:
        return (message(delivery, layout) for delivery in deliveries)
    return _messages_of_several(deliveries, layout, events_per_message)


def _messages_of_several(
    deliveries: Iterable[Delivery], layout: ArchiveLayout, most_events: int
) -> Iterator[Message]:
    together: list[Delivery] = []
    length = 0  # of the lines that are together, with a newline after each
    for delivery in deliveries:
        is_line = delivery.pointer is None
        # What a line leaves of a message for its attributes is enough for those of several.
        has_room = len(together) < most_events and length + len(delivery.line) <= LONGEST_LINE
        if together and not (is_line and has_room):
            yield _message_of_lines(together)
            together, length = [], 0
        if is_line:
            together.append(delivery)
            length += len(delivery.line) + 1
        else:
            yield message(delivery, layout)
    if together:
        yield _message_of_lines(together)


def _message_of_lines(deliveries: Sequence[Delivery]) -> Message:
    attributes = {"event_type": deliveries[0].event_type, EVENTS: str(len(deliveries))}
    return Message(
        [delivery.event_id for delivery in deliveries],
        "\n".join([delivery.line for delivery in deliveries]),
        attributes,
    )


def message(delivery: Delivery, layout: ArchiveLayout) -> Message:
    """Write the message of one event.

    Args:
        delivery: The event.
        layout: Where the archive has it, if the message must point there.
    """
    attributes = {"event_id": delivery.event_id, "event_type": delivery.event_type}
    body = delivery.line
    if delivery.pointer is not None:
        attributes["pointer"] = delivery.pointer.value
        body = pointer(delivery, bucket=layout.bucket, key=layout.key([delivery]))
    return Message(
        (delivery.event_id,), body, attributes, delivery.subscription_id or delivery.event_id
    )


def marked(messages: Iterable[Message], replay: str) -> Iterator[Message]:
    """Mark messages as sent again; nothing else of them changes.

    Args:
        messages: What the drain would send.
        replay: The replay's name, as ``replay_checkpoint.check_name`` allows it: what a line leaves
            of a message is enough for it.
    """
    for each in messages:
        yield each._replace(attributes={**each.attributes, REPLAYED: replay})


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
