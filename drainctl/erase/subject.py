"""The subscriber to erase, and how to recognise their events."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING, Any, Final

from drainctl.pseudonyms import names_of
from eventdrain.json_shape import parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.events import Pseudonyms

_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1}
"""About 50 ms per guess, because there are few enough subscription ids to try them all."""
_SALT_BYTES: Final = 16
_LOW_BITS: Final = 0x7F
_PSEUDONYM: Final = re.compile(rb'"subscription_id":"p[0-9a-f]{32}"')
"""Matches a pseudonymised subscription id in a line, as ``eventdrain.events`` writes it."""


class UnreadableError(Exception):
    """A line or quarantined event, perhaps the subscriber's, can't be read. The text says why."""

    def __init__(self, reason: str = "its content is malformed") -> None:
        super().__init__(reason)


class Subject:
    """One subscriber, with one or more subscription ids.

    Args:
        ids: The ids, not pseudonyms.
        pseudonyms: The pseudonyms under each key that the stack has or had; empty for none. Lines
            from before pseudonymisation hold ids, so ids are searched too.
    """

    def __init__(self, ids: Sequence[str], pseudonyms: Sequence[Pseudonyms]) -> None:
        self._ids = tuple(ids)
        self._names = names_of(ids, *pseudonyms)
        self._has_key = bool(pseudonyms)
        self._in_json = [json.dumps(name)[1:-1].encode() for name in self._names]
        self._on_the_wire = [_length(len(name)) + name for name in (id_.encode() for id_ in ids)]

    def has_line(self, line: bytes) -> bool:
        """Return whether a line of the archive is an event of the subscriber.

        Raises:
            UnreadableError: The line contains an id, but can't be read.
        """
        if not any(name in line for name in self._in_json):
            return False
        subscription_id = _read(line).get("subscription_id")
        return isinstance(subscription_id, str) and subscription_id in self._names

    def has_unknown_pseudonym(self, line: bytes) -> bool:
        """Return whether a line has a pseudonym that can't be checked, because no key is known."""
        return not self._has_key and _PSEUDONYM.search(line) is not None

    def has_record(self, record: bytes) -> bool:
        """Return whether the message of a quarantined event contains an id of the subscriber.

        The message may be damaged, so this searches for the serialised id, preceded by its length.

        Raises:
            UnreadableError: The record can't be read.
        """
        try:
            message = b64decode(str(_read(record).get("raw", "")), validate=True)
        except NotBase64 as error:
            raise UnreadableError from error
        return any(text in message for text in self._on_the_wire)

    def condition(self) -> str:
        """Return an SQL condition for the subscriber's rows that does not contain an id.

        Athena keeps the text of each query for 45 days ("View recent queries"), so the condition
        contains salted digests instead.
        """
        salt = secrets.token_hex(_SALT_BYTES)
        digests = sorted(
            hashlib.sha256(f"{salt}{name}".encode()).hexdigest().upper() for name in self._names
        )
        listed = ", ".join(f"'{digest}'" for digest in digests)
        text = f"concat('{salt}', coalesce(subscription_id, ''))"
        return f"to_hex(sha256(to_utf8({text}))) IN ({listed})"

    def digests(self) -> list[dict[str, Any]]:
        """Return salted digests, which allow checking a given id but do not reveal the ids."""
        found = []
        for each in self._ids:
            salt = secrets.token_bytes(_SALT_BYTES)
            digest = hashlib.scrypt(each.encode(), salt=salt, **_SCRYPT)
            found.append({"scrypt": _SCRYPT, "salt": salt.hex(), "digest": digest.hex()})
        return found


def event_id_of(line: bytes) -> str:
    """Return the event id of a line or quarantined event.

    Raises:
        UnreadableError: There is no event id.
    """
    event_id = _read(line).get("event_id")
    if not isinstance(event_id, str):
        raise UnreadableError("beside the subscriber's events it has a line without an event id")
    return event_id


def _read(line: bytes) -> dict[str, Any]:
    content = parse_json(line, dict[str, Any])
    if content is None:
        raise UnreadableError
    return content


def _length(length: int) -> bytes:
    """Return a length in protobuf's serialisation."""
    written = bytearray()
    while length > _LOW_BITS:
        written.append(length & _LOW_BITS | 0x80)
        length >>= 7
    written.append(length)
    return bytes(written)
