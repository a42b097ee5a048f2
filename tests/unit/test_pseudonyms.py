from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventdrain.auth import read_pseudonyms
from eventdrain.errors import CredentialsError
from eventdrain.events import Kind, Pseudonyms
from tests.unit.test_credentials import everything_in

if TYPE_CHECKING:
    from datetime import datetime

KEY: Final = "made-up-key-of-letters-and-digits-0123456789ABCDEF"
ARN: Final = "arn:made-up:pseudonym-key"
PSEUDONYMS: Final = Pseudonyms(KEY.encode())
IMEI: Final = "001001009546679"

kinds: Final = st.sampled_from(Kind)


class Secrets:
    """A store with one secret, or with one that can't be read."""

    def __init__(self, content: str | None, error: CredentialsError | None = None) -> None:
        self._content = content
        self._error = error

    def get(self, arn: str) -> str | None:
        """See ``token_ports.SecretStore``."""
        assert arn == ARN
        if self._error is not None:
            raise self._error
        return self._content

    def created_at(self, arn: str) -> datetime | None:
        """See ``token_ports.SecretStore``."""
        raise NotImplementedError

    def put(self, arn: str, content: str) -> None:
        """See ``token_ports.SecretStore``."""
        raise NotImplementedError


def plain(kind: str, text: str) -> str:
    """Compute a pseudonym by its definition, without the engine's code."""
    content = kind.encode() + b"\x00" + text.encode()
    return f"p{hmac.new(KEY.encode(), content, hashlib.sha256).hexdigest()[:32]}"


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Kind.IMSI, "001010000000001", plain("imsi", "001010000000001")),
        (Kind.SUBSCRIPTION, "madeup:eu:1", plain("subscription", "madeup:eu:1")),
        (Kind.NUMBER, "+9990000000001", "+" + plain("number", "9990000000001")),
        (Kind.NUMBER, "9990000000001", plain("number", "9990000000001")),
        (Kind.NUMBER, "+", "+" + plain("number", "")),
        (Kind.IMEI, IMEI, "00100100" + plain("imei", IMEI)),
        (Kind.IMEI, IMEI[:14], "00100100" + plain("imei", IMEI[:14])),
        (Kind.IMEI, f"{IMEI}01", plain("imei", f"{IMEI}01")),
        (Kind.IMEI, IMEI[:13], plain("imei", IMEI[:13])),
        (Kind.IMEI, "0010010", plain("imei", "0010010")),
        (Kind.IMEI, "\u0660" * 15, plain("imei", "\u0660" * 15)),
        (Kind.IMSI, "", ""),
    ],
)
def test_form(kind: Kind, text: str, expected: str) -> None:
    """A pseudonym is the documented digest, and keeps an IMEI's TAC and a number's plus sign."""
    assert PSEUDONYMS.of(kind, text) == expected


@given(kinds, st.text(), kinds, st.text())
def test_pseudonyms_are_equal_where_texts_are(
    kind: Kind, text: str, other_kind: Kind, other: str
) -> None:
    """Pseudonyms are equal if and only if kind and text are equal: joins return the same rows."""
    is_same = (kind, text) == (other_kind, other) or (not text and not other)
    assert (PSEUDONYMS.of(kind, text) == PSEUDONYMS.of(other_kind, other)) == is_same


@given(st.binary(max_size=200), st.text(min_size=1))
@example(bytes(range(64)), "1")  # as long as SHA-256's block, as the stack's own keys are
@example(bytes(range(65)), "1")
def test_digest_is_hmac(key: bytes, text: str) -> None:
    """For every length of the key, the digest is that of the standard library."""
    expected = hmac.new(key, b"imsi\x00" + text.encode(), hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms(key).of(Kind.IMSI, text) == f"p{expected}"


@pytest.mark.parametrize("content", [KEY, f" {KEY}\n", f"\ufeff{KEY}\r\n"])
def test_key_is_the_secret_s_text(content: str) -> None:
    """The secret's text is the key, without white space around it."""
    assert read_pseudonyms(Secrets(content), ARN).of(Kind.IMSI, "1") == plain("imsi", "1")


@pytest.mark.parametrize(
    ("secrets", "reported"),
    [
        (Secrets(None), "there is no key in"),
        (Secrets(""), "too short"),
        (Secrets(KEY[:42]), "43 letters and digits or more"),
        (Secrets(f"{KEY[:42]} \n"), "43 letters and digits or more"),
        (Secrets(None, CredentialsError(f"GetSecretValue of {ARN} failed")), "failed"),
    ],
)
def test_no_key(secrets: Secrets, reported: str) -> None:
    """A missing, short or unreadable key is an error that names its setting."""
    with pytest.raises(CredentialsError) as caught:
        read_pseudonyms(secrets, ARN)
    assert str(caught.value).startswith("PSEUDONYM_KEY_SECRET_ARN: ")
    assert reported in str(caught.value)
    assert ARN in str(caught.value)
    assert KEY[:42] not in everything_in(caught.value)
