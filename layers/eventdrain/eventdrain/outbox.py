"""The outbox's messages: one for each event, packed into batches that SQS takes.

Source: the SQS developer guide, message quotas: ten messages and 1 MiB in all for one batch, and
as much for one message; names, types and values of attributes count.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from eventdrain.delivery import Delivery

MOST_BYTES: Final = 1024 * 1024
_MOST_MESSAGES: Final = 10
_GROUP_ID: Final = re.compile(r"[!-~]{1,128}")
"""SQS API reference, MessageGroupId: up to 128 ASCII letters, digits and punctuation marks."""


def message_size(delivery: Delivery) -> int:
    """Give the size of a delivery's message in bytes, its attributes included."""
    attributes = {"event_id": delivery.event_id, "event_type": delivery.event_type}
    return len(delivery.line) + sum(
        len(name) + len("String") + len(value) for name, value in attributes.items()
    )


def group_id(delivery: Delivery) -> str:
    """Give the FIFO message group of an event: its subscription, or itself if it has none."""
    group = delivery.subscription_id or delivery.event_id
    return group if _GROUP_ID.fullmatch(group) else sha256(group.encode()).hexdigest()


def pack(deliveries: Iterable[Delivery]) -> Iterator[Sequence[Delivery]]:
    """Pack deliveries, each within the limit, into as few batches as their order allows."""
    batch: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        added = message_size(delivery)
        if batch and (len(batch) == _MOST_MESSAGES or size + added > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(delivery)
        size += added
    if batch:
        yield batch
