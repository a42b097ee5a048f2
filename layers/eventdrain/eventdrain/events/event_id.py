"""The id of an event: the same for every delivery of it, different for any other event.

The event API gives an event no id. Ours is a digest of what the event says, and leaves out what
belongs to one delivery of it: ``ack_info``, ``is_redelivered``, the time of arrival.

It is defined so that anybody can compute it again. Four parts, in this order:

1. the event type, UTF-8, e.g. ``handset_change``
2. the event's timestamp, ASCII: seconds since 1970, a full stop, nine digits of nanoseconds
3. the subscription id (``wg2rn``, else the deprecated ``value``), UTF-8
4. the payload message in protobuf's deterministic serialisation, unknown fields included

Each part is preceded by its length in bytes as four bytes, big-endian; a part that the event lacks
is four bytes ``ff``. The id is the first 16 bytes of the SHA-256 over all this, in hexadecimal.

A message that can't be read as an event has an id too, made of other parts: see ``quarantine``.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

_ABSENT: Final = b"\xff\xff\xff\xff"
_ID_LENGTH: Final = 32
"""Hexadecimal digits; 128 bits, so that a chance collision needs some 10^19 events."""


def event_id(
    event_type: str,
    timestamp: tuple[int, int] | None,
    subscription_id: str | None,
    payload: bytes,
) -> str:
    """Give the id of an event.

    Args:
        event_type: The stream's event type.
        timestamp: Seconds since 1970 and nanoseconds, as they came; None where unset.
        subscription_id: None where unset.
        payload: The payload message, serialised deterministically.

    Returns:
        32 hexadecimal digits.
    """
    time = None if timestamp is None else f"{timestamp[0]}.{timestamp[1]:09d}".encode()
    subscription = None if subscription_id is None else subscription_id.encode()
    return digest(event_type.encode(), time, subscription, payload)


def digest(*parts: bytes | None) -> str:
    """Give the id that is made of some parts; None for one that is absent."""
    framed = b"".join(
        [_ABSENT if part is None else len(part).to_bytes(4, "big") + part for part in parts]
    )
    return sha256(framed).hexdigest()[:_ID_LENGTH]
