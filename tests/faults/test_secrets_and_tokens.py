"""Faults before the stream opens: secrets, the token endpoint, the cached token."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.adapters.oauth import token_endpoint
from eventdrain.auth import remembered_secrets
from eventdrain.drain import EndReason
from simulator.token_server import TokenFault
from tests.faults.http_proxy import DescribeSecretFault, GetSecretFault, PutSecretFault
from tests.faults.scene import CLIENT_ID

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_EVENTS: Final = 30
_AT_ONCE_SECONDS: Final = 5.0
_VALUE: Final = "made-up-value-of-a-secret"
_SCOPE: Final = "subscription.handset_details:read"


@pytest.mark.parametrize(
    "content", [f"client_id={_VALUE}", json.dumps({"id": _VALUE, "secret": _VALUE})]
)
def test_malformed_credentials(scene: Scene, content: str) -> None:
    """A malformed secret fails the run; the error names it and its shape, not its content."""
    scene.secrets.add(_VALUE)
    scene.put_credentials(content)
    error = _error_before_the_stream(scene)
    assert scene.places.credentials_arn in error
    assert '{"client_id": "...", "client_secret": "..."}' in error


@pytest.mark.parametrize("state", ["empty-for-a-day", "of-unknown-age", "to-be-deleted", "deleted"])
def test_credentials_that_are_not_there(scene: Scene, state: str) -> None:
    """A secret without a text to read fails the run, and the error names it."""
    arn = _empty_secret(scene)
    if state == "empty-for-a-day":
        scene.faults.inject(DescribeSecretFault(older_by=timedelta(days=1)))
    elif state == "of-unknown-age":
        scene.faults.inject(DescribeSecretFault(status=400, code="AccessDeniedException"))
    else:
        is_gone = state == "deleted"
        scene.cloud.secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=is_gone)
    assert arn in _error_before_the_stream(scene, credentials_secret_arn=arn)


def test_credentials_that_are_awaited(scene: Scene) -> None:
    """A run of a stack that has no credentials yet ends at once, without a failure or a call."""
    scene.publish(_EVENTS)
    scene.faults.inject(DescribeSecretFault(older_by=timedelta(hours=23)))
    report = scene.drain(credentials_secret_arn=_empty_secret(scene))
    assert report.end_reason is EndReason.WAITING
    assert not report.has_failed
    assert report.run_seconds < _AT_ONCE_SECONDS
    assert scene.token_server.minted == len(scene.event_server.ledger().streams) == 0
    scene.settle()
    assert scene.check().copies == 0


def _empty_secret(scene: Scene) -> str:
    secret = scene.cloud.secrets.create_secret(Name=f"{scene.places.bucket}-empty")
    return str(secret["ARN"])


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (
            GetSecretFault(status=400, code="AccessDeniedException"),
            ("AccessDeniedException", "check the function's role"),
        ),
        (GetSecretFault(is_reset=True), ("check the network",)),
    ],
    ids=["access-denied", "reset"],
)
def test_credentials_that_cannot_be_read(
    scene: Scene, fault: GetSecretFault, named: tuple[str, ...]
) -> None:
    """A secret that can't be read fails the run; the error names it, and what to check."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault)
    error = _error_before_the_stream(scene, is_settled=False)
    assert all(part in error for part in (scene.places.credentials_arn, *named))
    assert scene.faults.struck(fault) <= 2
    scene.settle()
    assert scene.check().copies == 0


def test_credentials_that_change_between_runs(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of the same process uses the new client after some minutes, with a token of its own."""
    scene.drain()
    scene.token_server.register("another", "made-up-secret", [_SCOPE])
    scene.put_credentials({"client_id": "another", "client_secret": "made-up-secret"})
    scene.secrets.add("made-up-secret")
    scene.drain()
    monkeypatch.setattr(remembered_secrets, "REMEMBERED_FOR", timedelta(0))
    scene.publish(_EVENTS)
    assert scene.drain().acked == _EVENTS
    streams = scene.event_server.ledger().streams.values()
    assert [stream.client_id for stream in streams] == [CLIENT_ID, CLIENT_ID, "another"]
    scene.check()


def test_quiet_stream_reads_no_secrets(scene: Scene) -> None:
    """The runs of a process read the secrets once, however many there are."""
    scene.drain()
    scene.faults.inject(GetSecretFault(status=400, code="AccessDeniedException"))
    scene.publish(_EVENTS)
    assert scene.drain().acked == _EVENTS
    scene.check()


@pytest.mark.parametrize(
    "fault",
    [
        TokenFault(status=401, body=b'{"error": "invalid_client"}'),
        TokenFault(status=200, body=b"<html>Sign in</html>", content_type="text/html"),
        TokenFault(status=302, headers=(("Location", "http://127.0.0.1:9/elsewhere"),)),
        TokenFault(fields=(("access_token", f"{_VALUE}\r\nX: y"),)),
    ],
    ids=["invalid-client", "html", "redirect", "token-with-line-break"],
)
def test_token_endpoint_that_gives_no_token(scene: Scene, fault: TokenFault) -> None:
    """An answer without a usable token fails the run; the error names endpoint and hint."""
    scene.publish(_EVENTS)
    scene.secrets.add(_VALUE)
    scene.faults.inject(fault)
    error = _error_before_the_stream(scene, is_settled=False)
    assert scene.token_server.endpoint in error
    assert "check" in error
    assert scene.faults.struck(fault) == 1
    scene.settle()
    assert scene.check().copies == 0


@pytest.mark.parametrize(
    "fault",
    [
        GetSecretFault(status=400, code="ThrottlingException"),
        TokenFault(status=429, headers=(("Retry-After", "1"),)),
        TokenFault(status=400, body=b'{"error": "temporarily_unavailable"}'),
    ],
    ids=["throttled-secret", "rate-limit", "temporarily-unavailable"],
)
def test_what_answers_later(scene: Scene, fault: GetSecretFault | TokenFault) -> None:
    """A request that fails for a passing reason is retried, and the run continues."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, times=1)
    assert scene.drain().acked == _EVENTS
    assert scene.check().copies == 0


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (TokenFault(status=503), "503"),
        (TokenFault(is_unanswered=True), ""),
        (TokenFault(drip=timedelta(milliseconds=50)), ""),
    ],
    ids=["status-503", "silent", "dripping"],
)
def test_token_endpoint_that_stays_down(
    scene: Scene, fault: TokenFault, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that is down or never finishes fails the run after three attempts."""
    monkeypatch.setattr(token_endpoint, "_CALL_SECONDS", 0.5)
    scene.publish(_EVENTS)
    scene.faults.inject(fault)
    error = _error_before_the_stream(scene, is_settled=False)
    assert scene.token_server.endpoint in error
    assert cause in error
    assert scene.faults.struck(fault) == 3
    scene.settle()
    assert scene.check().copies == 0


def test_cached_token_serves_while_the_endpoint_is_down(scene: Scene) -> None:
    """A run with a token that is valid long enough does not need the token endpoint."""
    scene.drain()
    scene.publish(_EVENTS)
    scene.faults.inject(TokenFault(status=503))
    assert scene.drain().acked == _EVENTS
    assert scene.check().copies == 0


@pytest.mark.parametrize(
    "fault",
    [TokenFault(omitted=frozenset({"expires_in"})), TokenFault(fields=(("expires_in", -5),))],
    ids=["absent", "negative"],
)
def test_odd_lifetime_of_a_token(scene: Scene, fault: TokenFault) -> None:
    """A token whose lifetime is missing or odd serves the run that requested it."""
    scene.faults.inject(fault, times=1)
    for seed in range(2):
        scene.publish(_EVENTS, seed)
        assert scene.drain().acked == _EVENTS
    assert scene.token_server.minted == 2
    assert scene.check().copies == 0


_LONG_WINDOW: Final = timedelta(minutes=10)
"""Longer than a token must be valid beyond the window."""


@pytest.mark.parametrize("kind", ["not-json", "expires-with-the-window"])
def test_cached_token_that_is_unusable(scene: Scene, kind: str) -> None:
    """A cached token that is malformed, or that expires too early, is replaced before its use."""
    now = datetime.now(UTC)
    content = {
        "access_token": _VALUE,
        "scopes": [_SCOPE],
        "undecided": [],
        "minted_at": now.isoformat(),
        "expires_at": (now + _LONG_WINDOW).isoformat(),
        "minted_for": {
            "client_id": CLIENT_ID,
            "scope": _SCOPE,
            "token_endpoint": scene.token_server.endpoint,
        },
    }
    scene.secrets.add(_VALUE)
    scene.cloud.secrets.put_secret_value(
        SecretId=scene.places.token_arn,
        SecretString="made-up" if kind == "not-json" else json.dumps(content),
    )
    scene.publish(_EVENTS)
    report = scene.drain(window=_LONG_WINDOW)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.token_server.minted == 1
    assert scene.event_server.ledger().failures == []
    assert scene.check().copies == 0


def test_token_that_cannot_be_cached(scene: Scene) -> None:
    """A token that can't be cached serves its run; a warning names the secret and the cause."""
    scene.publish(_EVENTS)
    scene.faults.inject(PutSecretFault(status=400, code="AccessDeniedException"))
    assert scene.drain().acked == _EVENTS
    assert f"secretsmanager:PutSecretValue of {scene.places.token_arn}" in scene.log
    assert scene.check().copies == 0


def _error_before_the_stream(scene: Scene, *, is_settled: bool = True, **settings: Any) -> str:
    """Drain, check that the run fails without opening a stream, and return its error."""
    error = scene.drain(**settings).error
    assert error is not None
    ledger = scene.event_server.ledger()
    assert (ledger.streams, ledger.failures) == ({}, [])
    scene.check(is_settled=is_settled)
    return error
