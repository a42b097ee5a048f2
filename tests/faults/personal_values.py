"""The personal values of events, in every form in which they could leak.

Of an identifier these are the text and the part of it that still identifies somebody (an IMSI
without its network, a number without plus sign or country code, a serial with its check digit).
Each is searched for in base64 at any offset of a longer text, in hexadecimal, and as a plain
digest, which anybody can compute from a guess.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from eventdrain.events import PERSONAL, STREAMS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from simulator.event_server import Event

_TELLING_LENGTH: Final = 9
"""Shorter texts occur by chance, among times and counts."""
_CODES: Final = {Kind.IMSI: (3, 5), Kind.NUMBER: (1, 3, 4), Kind.IMEI: (6,)}
"""Lengths of prefixes that identify nobody: country, network, plus sign, type."""
_LONGEST: Final = 400
"""How much of a text is searched for: the beginning of a very long text identifies it as well."""


def personal_values(events: Iterable[Event]) -> frozenset[str]:
    """Return every personal value of some events, and its identifying parts."""
    values = set()
    for event in events:
        message = STREAMS[event.event_type].stream_response.FromString(event.undelivered)
        for kind, text in _identifiers(message):
            shown = text[:_LONGEST]
            values |= {shown, *(shown[length:] for length in _CODES.get(kind, ()))}
            if kind is Kind.SUBSCRIPTION:
                values.add(shown.rpartition(":")[2])
    return frozenset(value for value in values if len(value) >= _TELLING_LENGTH)


def forms(value: str) -> frozenset[str]:
    """Return each form of a value."""
    encoded = value.encode()
    shifted = (b64encode(bytes(offset) + encoded).decode() for offset in range(3))
    return frozenset(
        {
            value,
            encoded.hex(),
            encoded.hex().upper(),
            hashlib.sha256(encoded).hexdigest(),
            hashlib.md5(encoded).hexdigest(),  # noqa: S324 - a digest that might be used
            *(
                text[-(-offset * 8 // 6) : (offset + len(encoded)) * 8 // 6]
                for offset, text in enumerate(shifted)
            ),
        }
    )


def found(values: Iterable[str], text: str) -> list[str]:
    """Return the forms of values that are in a text."""
    return sorted(form for value in values for form in forms(value) if form in text)


def _identifiers(message: Message) -> Iterator[tuple[Kind, str]]:
    for field, value in message.ListFields():
        if field.message_type is not None and not field.is_repeated:
            yield from _identifiers(value)
        elif field.full_name in PERSONAL:
            yield PERSONAL[field.full_name], value
