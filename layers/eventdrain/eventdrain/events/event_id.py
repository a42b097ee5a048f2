"""Event ids: the same for every delivery of an event, different for different events.

The event API assigns no event ids, so we compute a digest of the event's content. It excludes what
differs between deliveries: ``ack_info``, ``is_redelivered`` and the arrival time.

Anybody can recompute an id. It covers four parts, in this order:

1. the event type, UTF-8, e.g. ``handset_change``
2. the event's timestamp, ASCII: seconds since 1970, a full stop, nine digits of nanoseconds
3. the subscription id (``wg2rn``, or the deprecated ``value`` if that is empty), UTF-8
4. the payload message in protobuf's deterministic serialisation, including unknown fields

Each part is preceded by its length in bytes as a four-byte big-endian integer. A missing part is
replaced by the four bytes ``ff ff ff ff``. The id is the first 16 bytes of the SHA-256 of the
result, in hexadecimal.

The id of a message that cannot be parsed is computed from other parts: see ``quarantine``.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

_ABSENT: Final = b"\xff\xff\xff\xff"
_ID_LENGTH: Final = 32
"""In hexadecimal digits. With 128 bits, a collision becomes likely after about 10^19 events."""


def event_id(
    event_type: str,
    timestamp: tuple[int, int] | None,
    subscription_id: str | None,
    payload: bytes,
) -> str:
    """Return the id of an event.

    Args:
        event_type: The stream's event type.
        timestamp: Seconds since 1970 and nanoseconds, as received; None if unset.
        subscription_id: The subscription id; None if unset.
        payload: The payload message, serialised deterministically.

    Returns:
        32 hexadecimal digits.
    """
    time = None if timestamp is None else f"{timestamp[0]}.{timestamp[1]:09d}".encode()
    subscription = None if subscription_id is None else subscription_id.encode()
    return digest(event_type.encode(), time, subscription, payload)


def digest(*parts: bytes | None) -> str:
    """Return the id for the given parts; None stands for a missing part."""
    framed = b"".join(
        [_ABSENT if part is None else len(part).to_bytes(4, "big") + part for part in parts]
    )
    return sha256(framed).hexdigest()[:_ID_LENGTH]
