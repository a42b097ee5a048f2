"""Where a replay reads and sends: what the options say, and for the rest what the stack says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drainctl.replay.stack import Stack

_DEFAULT_PREFIX: Final = "events"


@dataclass(frozen=True, slots=True)
class Places:
    """Where from, where to.

    Attributes:
        bucket: The archive's.
        prefix: What its keys begin with, without a slash at the end.
        queue_urls: By event type; of all streams that shall be replayed, in their order.
        events_per_message: How many events a message may hold.
    """

    bucket: str
    prefix: str
    queue_urls: Mapping[str, str]
    events_per_message: int


def find_places(
    *,
    stack: Stack | None,
    bucket: str | None,
    prefix: str | None,
    queue_url: str | None,
    event_types: Sequence[str],
    events_per_message: int | None,
    needs_queue: bool,
) -> Places:
    """Find out what the options leave open.

    Args:
        stack: The stack; None for none.
        bucket: In place of the stack's.
        prefix: In place of the stack's.
        queue_url: In place of the stack's, for all streams.
        event_types: Empty for all: of the stack, or that there are.
        events_per_message: In place of the stack's.
        needs_queue: Whether anything shall be sent.

    Raises:
        click.UsageError: They leave too much open.
        ConfigurationError: The stack lacks something.
    """
    prefix = None if prefix is None else prefix.strip("/")
    if stack is None:
        if bucket is None or (queue_url is None and needs_queue):
            raise click.UsageError("give --stack-name, or both --bucket and --queue-url")
        return Places(
            bucket,
            prefix or _DEFAULT_PREFIX,
            dict.fromkeys(event_types or STREAMS, queue_url or ""),
            events_per_message or 1,
        )
    names = event_types or stack.event_types
    return Places(
        bucket or stack.bucket,
        prefix or stack.prefix,
        dict.fromkeys(names, queue_url) if queue_url else stack.queue_urls(names),
        events_per_message or stack.events_per_message,
    )
