"""Pseudonyms: keyed digests that replace identifiers of a person.

A pseudonym is the letter ``p`` and 32 hexadecimal digits: the first 16 bytes of HMAC-SHA256 under
the key, over the kind (``imsi``, ``imei``, ``number``, ``subscription``), a zero byte, and the text
as UTF-8. The same text of the same kind has the same pseudonym in every stream and event. Without
the key, nobody can find the text by trying all numbers. Two kinds keep a part in clear text:

- For an IMEI of 14 to 16 digits, the first eight digits (the TAC, which identifies the model)
  precede the pseudonym. The pseudonym covers the whole IMEI.
- For a phone number that begins with a plus sign, the plus sign precedes the pseudonym. The
  pseudonym covers the rest.

An empty text stays empty.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from eventdrain.events.personal_fields import Kind

_DIGITS: Final = 32
"""As long as an event id: a collision becomes likely after about 10^19 texts."""
_TAC: Final = 8
_IMEI: Final = re.compile(r"[0-9]{14,16}")
"""With or without the check digit, or with the software version: 3GPP TS 23.003, section 6.2."""
_BLOCK: Final = 64
"""SHA-256's block size, in bytes."""
_EVENT: Final = "event"


class Pseudonyms:
    """Computes pseudonyms under one key.

    Args:
        key: The key.
    """

    def __init__(self, key: bytes) -> None:
        # HMAC as in RFC 2104, with the key processed once. The standard library's hmac processes
        # the key for every digest and takes three times as long, and an event has five digests.
        block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))
        self._inner = {kind: inner.copy() for kind in (*Kind, _EVENT)}
        for kind, begun in self._inner.items():
            begun.update(f"{kind}\0".encode())

    def of(self, kind: Kind, text: str) -> str:
        """Return the replacement for a text; see the module's docstring."""
        if not text:
            return text
        kept = ""
        if kind is Kind.IMEI:
            kept = text[:_TAC] if _IMEI.fullmatch(text) else ""
        elif kind is Kind.NUMBER and text[0] == "+":
            kept, text = "+", text[1:]
        return f"{kept}p{self._digest(kind, text.encode())}"

    def event_part(self, content: bytes) -> bytes:
        """Return the keyed digest that replaces content in an event id."""
        return self._digest(_EVENT, content).encode()

    def _digest(self, kind: str, content: bytes) -> str:
        inner = self._inner[kind].copy()
        inner.update(content)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()[:_DIGITS]
