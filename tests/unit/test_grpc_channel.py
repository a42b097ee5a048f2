from __future__ import annotations

import grpc
import pytest

from eventdrain.adapters.grpc import OPTIONS, call_metadata, stream_error, target
from eventdrain.errors import (
    AccessRefused,
    StreamEnded,
    StreamError,
    StreamRefused,
    Unauthenticated,
)
from eventdrain.settings import Endpoint

MEANINGS: dict[type[StreamError], str] = {
    StreamEnded: (
        "CANCELLED UNKNOWN DEADLINE_EXCEEDED RESOURCE_EXHAUSTED ABORTED INTERNAL UNAVAILABLE"
    ),
    AccessRefused: "PERMISSION_DENIED",
    Unauthenticated: "UNAUTHENTICATED",
}
"""The kind of error for statuses; all others are fatal."""


@pytest.mark.parametrize("code", grpc.StatusCode, ids=lambda code: code.name)
def test_meaning_of_a_status(code: grpc.StatusCode) -> None:
    """Each status is retryable, about the token, or fatal; the error names it."""
    error = stream_error(code, scope="made.up:read", details=None, is_connected=True)
    meaning = (kind for kind, names in MEANINGS.items() if code.name in names.split())
    assert type(error) is next(meaning, StreamRefused)
    assert code.name in str(error) or isinstance(error, Unauthenticated)


@pytest.mark.parametrize(
    ("scope", "need"),
    [("made.up:read", "the scope made.up:read"), ("", "access to this stream")],
)
def test_missing_right_is_named(scope: str, need: str) -> None:
    """The error for a missing right names the scope to request."""
    error = stream_error(
        grpc.StatusCode.PERMISSION_DENIED, scope=scope, details=None, is_connected=True
    )
    assert need in str(error)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED])
@pytest.mark.parametrize("details", [None, "+9990000000 made up"])
def test_other_words_are_not_repeated(code: grpc.StatusCode, details: str | None) -> None:
    """Only texts of gRPC are repeated."""
    text = str(stream_error(code, scope="", details=details, is_connected=False))
    assert "999" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example", "api.example:443"),
        ("http://127.0.0.1:1", "127.0.0.1:1"),
        ("http://[::1]:2", "[::1]:2"),
    ],
)
def test_target(url: str, expected: str) -> None:
    """Host and port in gRPC's form."""
    assert target(Endpoint.parse(url)) == expected


def test_metadata() -> None:
    """A token goes with every call; without one there is no authorization at all."""
    assert call_metadata("made-up") == (("authorization", "Bearer made-up"),)
    assert call_metadata(None) == ()


def test_keep_alive_is_what_the_vendor_asks_for() -> None:
    """A ping each minute, also without calls, with ten seconds for its answer."""
    options = dict(OPTIONS)
    assert options["grpc.keepalive_time_ms"] == 60_000
    assert options["grpc.keepalive_timeout_ms"] == options["grpc.http2.ping_timeout_ms"] == 10_000
    assert options["grpc.keepalive_permit_without_calls"] == 1
