"""Who shall be forgotten, and how to tell what is theirs."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING, Any, Final

from drainctl.pseudonym_key import names_of
from eventdrain.json_shape import json_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.events import Pseudonyms

_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1}
"""Some 50 ms a guess. Subscription ids are few enough to be tried one after another."""
_SALT_BYTES: Final = 16
_LOW_BITS: Final = 0x7F
_PSEUDONYM: Final = re.compile(rb'"subscription_id":"p[0-9a-f]{32}"')
"""As ``pseudonyms`` and ``delivery`` write it."""


class Unreadable(Exception):
    """A line or a record that names the subscriber, as it seems, and can't be read."""


class Subject:
    """One subscriber, by one or more subscription ids.

    Args:
        ids: The ids, as the operator knows them.
        pseudonyms: Those of the archive, by each key that there was; none if it has none. What was
            archived before there were any has the ids themselves, so all are looked for.
    """

    def __init__(self, ids: Sequence[str], pseudonyms: Sequence[Pseudonyms]) -> None:
        self._ids = tuple(ids)
        self._names = names_of(ids, None).union(*(names_of(ids, each) for each in pseudonyms))
        self._has_key = bool(pseudonyms)
        self._in_json = [json.dumps(name)[1:-1].encode() for name in self._names]
        self._on_the_wire = [_length(len(name)) + name for name in (id_.encode() for id_ in ids)]

    def has_line(self, line: bytes) -> bool:
        """Tell whether a line of the archive is an event of theirs.

        Raises:
            Unreadable: It can't be read, and their id stands in it.
        """
        if not any(name in line for name in self._in_json):
            return False
        subscription_id = _read(line).get("subscription_id")
        return isinstance(subscription_id, str) and subscription_id in self._names

    def has_unknown_pseudonym(self, line: bytes) -> bool:
        """Tell whether a line may be an event of theirs: it has a pseudonym, of no known key."""
        return not self._has_key and _PSEUDONYM.search(line) is not None

    def has_record(self, record: bytes) -> bool:
        """Tell whether a record in quarantine is of a message that has their id in it.

        The message may be damaged, so the id is looked for as the wire has it: after its length.

        Raises:
            Unreadable: The record itself can't be read.
        """
        try:
            message = b64decode(str(_read(record).get("raw", "")), validate=True)
        except NotBase64 as error:
            raise Unreadable from error
        return any(text in message for text in self._on_the_wire)

    def condition(self) -> str:
        """Give what is true in SQL of a row of theirs, without naming them.

        Athena keeps the text of each query for 45 days ("View recent queries"), so it has salted
        digests in it.
        """
        salt = secrets.token_hex(_SALT_BYTES)
        digests = sorted(
            hashlib.sha256(f"{salt}{name}".encode()).hexdigest().upper() for name in self._names
        )
        listed = ", ".join(f"'{digest}'" for digest in digests)
        text = f"concat('{salt}', coalesce(subscription_id, ''))"
        return f"to_hex(sha256(to_utf8({text}))) IN ({listed})"

    def digests(self) -> list[dict[str, Any]]:
        """Give what a receipt says of the ids: whoever has one can check it, and nobody read it."""
        found = []
        for each in self._ids:
            salt = secrets.token_bytes(_SALT_BYTES)
            digest = hashlib.scrypt(each.encode(), salt=salt, **_SCRYPT)
            found.append({"scrypt": _SCRYPT, "salt": salt.hex(), "digest": digest.hex()})
        return found


def event_id_of(line: bytes) -> str:
    """Give the event id of a line or a record.

    Raises:
        Unreadable: It has none.
    """
    event_id = _read(line).get("event_id")
    if not isinstance(event_id, str):
        raise Unreadable("a line without an event id lies beside theirs")
    return event_id


def _read(line: bytes) -> dict[str, Any]:
    content = json_object(line)
    if content is None:
        raise Unreadable
    return content


def _length(length: int) -> bytes:
    """Write a length as protobuf does."""
    written = bytearray()
    while length > _LOW_BITS:
        written.append(length & _LOW_BITS | 0x80)
        length >>= 7
    written.append(length)
    return bytes(written)
