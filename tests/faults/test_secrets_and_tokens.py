"""What befalls a run before its stream: secrets, the token endpoint, the cached token."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.token_server import TokenFault
from tests.faults.http_proxy import GetSecretFault, PutSecretFault
from tests.faults.scene import CLIENT_ID

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_EVENTS: Final = 30
_VALUE: Final = "made-up-value-of-a-secret"
_SHAPE: Final = '{"client_id": "...", "client_secret": "..."}'

_MALFORMED: Final = {
    "not-json": f"client_id={_VALUE}",
    "list": f'["{_VALUE}", "{_VALUE}"]',
    "text": f'"{_VALUE}"',
    "number": "17",
    "null": "null",
    "no-secret": f'{{"client_id": "{_VALUE}"}}',
    "other-keys": f'{{"id": "{_VALUE}", "secret": "{_VALUE}"}}',
    "one-key-too-many": f'{{"client_id": "{_VALUE}", "client_secret": "x", "access_token": "x"}}',
    "blank": f'{{"client_id": "{_VALUE}", "client_secret": "  "}}',
    "null-inside": f'{{"client_id": "{_VALUE}", "client_secret": null}}',
    "object-inside": f'{{"client_id": "{_VALUE}", "client_secret": {{"value": "{_VALUE}"}}}}',
    "line-break-inside": f'{{"access_token": "{_VALUE}\\r\\nX-Header: {_VALUE}"}}',
    "60-kilobytes": json.dumps({"client_id": _VALUE, "client_secrets": _VALUE * 2400}),
}


@pytest.mark.parametrize("content", _MALFORMED.values(), ids=_MALFORMED)
def test_malformed_credentials(scene: Scene, content: str) -> None:
    """A malformed secret fails the run at once; the error names it and what is wrong, not more."""
    scene.secrets.add(_VALUE)
    scene.put_credentials(content)
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, scene.places.credentials_arn)
    scene.check()


def test_credentials_of_the_wrong_shape_are_told_the_right_one(scene: Scene) -> None:
    """The error holds the shape that the secret should have."""
    scene.put_credentials("[]")
    assert _SHAPE in (scene.drain().error or "")


@pytest.mark.parametrize("kind", ["missing", "never-filled", "to-be-deleted", "binary"])
def test_credentials_that_are_not_there(scene: Scene, kind: str) -> None:
    """A secret without a text to read fails the run at once, and the error names it."""
    name = f"{scene.places.bucket}-{kind}"
    binary = {"SecretBinary": b"made up"} if kind == "binary" else {}
    arn = scene.cloud.secrets.create_secret(Name=name, **binary)["ARN"]  # type: ignore[arg-type]
    if kind == "missing":
        scene.cloud.secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    elif kind == "to-be-deleted":
        scene.cloud.secrets.delete_secret(SecretId=arn)
    report = scene.drain(credentials_secret_arn=arn)
    _assert_failed_before_the_stream(scene, report.error, arn)
    scene.check()


_UNREADABLE: Final = {
    "access-denied": GetSecretFault(status=400, code="AccessDeniedException"),
    "kms-denied": GetSecretFault(status=400, code="DecryptionFailure"),
    "throttled": GetSecretFault(status=400, code="ThrottlingException"),
    "internal-error": GetSecretFault(status=500, code="InternalServiceError"),
    "reset": GetSecretFault(is_reset=True),
}


@pytest.mark.parametrize("fault", _UNREADABLE.values(), ids=_UNREADABLE)
def test_credentials_that_cannot_be_read(scene: Scene, fault: GetSecretFault) -> None:
    """A secret that can't be read fails the run at once; the error names it, cause and hint."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault)
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, scene.places.credentials_arn)
    assert "role" in (report.error or "")
    assert fault.is_reset or fault.code in (report.error or "")
    assert scene.faults.struck(fault) <= 2
    scene.settle()
    assert scene.check().copies == 0


def test_clock_that_is_wrong(scene: Scene) -> None:
    """Where AWS refuses a signature's time, the error names the clock, not role and key."""
    scene.faults.inject(GetSecretFault(status=400, code="InvalidSignatureException"))
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, scene.places.credentials_arn)
    assert "set the clock" in (report.error or "")
    assert "role" not in (report.error or "")
    scene.check()


@pytest.mark.parametrize(
    "fault",
    [fault for name, fault in _UNREADABLE.items() if "denied" not in name],
    ids=[name for name in _UNREADABLE if "denied" not in name],
)
def test_secret_that_can_be_read_at_the_second_attempt(scene: Scene, fault: GetSecretFault) -> None:
    """What passes is tried again, and the run goes on."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, times=1)
    assert scene.drain().acked == _EVENTS
    assert scene.check().copies == 0


def test_kept_token_that_cannot_be_read(scene: Scene) -> None:
    """The stack's own secret can't be read: the run fails, and the error names that one."""
    scene.faults.inject(GetSecretFault(status=400, code="AccessDeniedException"), skip=1)
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, scene.places.token_arn)
    scene.check()


def test_credentials_that_change_between_runs(scene: Scene) -> None:
    """A new client secret is used by the next run that needs a token, in the same process."""
    scene.publish(_EVENTS)
    scene.drain()
    scene.token_server.register(
        CLIENT_ID, "made-up-new-secret", ["subscription.handset_details:read"]
    )
    scene.put_credentials({"client_id": CLIENT_ID, "client_secret": "made-up-new-secret"})
    scene.secrets.add("made-up-new-secret")
    _keep(scene, expires_at="2020-01-01T00:00:00+00:00")
    scene.publish(_EVENTS, seed=1)
    assert scene.drain().acked == _EVENTS
    assert scene.token_server.minted == 2
    assert scene.check().copies == 0


def test_client_that_changes_gets_a_token_of_its_own(scene: Scene) -> None:
    """A cached token is not used for another client than it was minted for."""
    scene.drain()
    scene.token_server.register("another", "made-up-secret", ["subscription.handset_details:read"])
    scene.put_credentials({"client_id": "another", "client_secret": "made-up-secret"})
    scene.secrets.add("made-up-secret")
    scene.publish(_EVENTS)
    assert scene.drain().acked == _EVENTS
    streams = scene.event_server.ledger().streams.values()
    assert [stream.client_id for stream in streams] == [CLIENT_ID, "another"]
    scene.check()


@pytest.mark.usefixtures("short_authentication_wait")
def test_bare_token_that_is_not_valid(scene: Scene) -> None:
    """A bare token that the server doesn't accept fails the run: there is none to replace it."""
    scene.put_credentials({"access_token": _VALUE})
    scene.secrets.add(_VALUE)
    report = scene.drain()
    assert report.has_failed
    assert "credentials secret" in (report.error or "")
    assert scene.token_server.requests() == {}
    scene.check()


_REFUSED: Final = {
    "400-invalid-client": TokenFault(status=400, body=b'{"error": "invalid_client"}'),
    "401-invalid-client": TokenFault(status=401, body=b'{"error": "invalid_client"}'),
    "400-invalid-scope": TokenFault(status=400, body=b'{"error": "invalid_scope"}'),
    "403-without-json": TokenFault(status=403, body=b"Forbidden", content_type="text/plain"),
    "html": TokenFault(status=200, body=b"<html>Sign in</html>", content_type="text/html"),
    "empty": TokenFault(status=200),
    "json-list": TokenFault(status=200, body=b"[]"),
    "json-null": TokenFault(status=200, body=b"null"),
    "json-text": TokenFault(status=200, body=b'"made up"'),
    "not-utf8": TokenFault(status=200, body=b"\xff\xfe\x00"),
    "redirect": TokenFault(status=302, headers=(("Location", "http://127.0.0.1:9/elsewhere"),)),
    "no-token": TokenFault(omitted=frozenset({"access_token"})),
    "no-token-type": TokenFault(omitted=frozenset({"token_type"})),
    "other-token-type": TokenFault(fields=(("token_type", "mac"),)),
    "empty-token": TokenFault(fields=(("access_token", ""),)),
    "token-is-a-number": TokenFault(fields=(("access_token", 17),)),
    "lifetime-is-text": TokenFault(fields=(("expires_in", "soon"),)),
    "token-with-line-break": TokenFault(fields=(("access_token", f"{_VALUE}\r\nX: y"),)),
}


@pytest.mark.parametrize("fault", _REFUSED.values(), ids=_REFUSED)
def test_token_endpoint_that_gives_no_token(scene: Scene, fault: TokenFault) -> None:
    """An answer without a usable token fails the run at once; the error names endpoint and hint."""
    scene.publish(_EVENTS)
    scene.secrets.add(_VALUE)
    scene.faults.inject(fault)
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, scene.token_server.endpoint)
    assert "check" in (report.error or "")
    assert scene.faults.struck(fault) == 1
    scene.settle()
    assert scene.check().copies == 0


_PASSING: Final = {
    "429": TokenFault(status=429),
    "429-retry-after": TokenFault(status=429, headers=(("Retry-After", "1"),)),
    "500": TokenFault(status=500),
    "503-html": TokenFault(status=503, body=b"<html></html>", content_type="text/html"),
    "520": TokenFault(status=520),
    "400-temporarily-unavailable": TokenFault(
        status=400, body=b'{"error": "temporarily_unavailable"}'
    ),
    "slow": TokenFault(delay=timedelta(seconds=1)),
}


@pytest.mark.parametrize("fault", _PASSING.values(), ids=_PASSING)
def test_token_endpoint_that_answers_later(scene: Scene, fault: TokenFault) -> None:
    """What passes is tried again, a bounded number of times, and the run goes on."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, times=1)
    assert scene.drain().acked == _EVENTS
    assert scene.check().copies == 0


@pytest.mark.parametrize("status", [429, 503])
def test_token_endpoint_that_stays_down(scene: Scene, status: int) -> None:
    """An endpoint that is down fails the run after three attempts, and the error says so."""
    scene.publish(_EVENTS)
    scene.faults.inject(TokenFault(status=status))
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, scene.token_server.endpoint)
    assert str(status) in (report.error or "")
    assert scene.token_server.requests() == {"injected": 3}
    scene.settle()
    assert scene.check().copies == 0


def test_kept_token_serves_while_the_endpoint_is_down(scene: Scene) -> None:
    """A run with a token that lives long enough does not need the token endpoint."""
    scene.drain()
    scene.publish(_EVENTS)
    scene.faults.inject(TokenFault(status=503))
    assert scene.drain().acked == _EVENTS
    assert scene.check().copies == 0


def test_token_endpoint_that_never_answers(scene: Scene) -> None:
    """An endpoint that takes the connection and says nothing fails the run within seconds."""
    scene.publish(_EVENTS)
    scene.faults.inject(TokenFault(is_unanswered=True))
    report = scene.drain(allowed=timedelta(seconds=20))
    _assert_failed_before_the_stream(scene, report.error, scene.token_server.endpoint)
    scene.check(is_settled=False)


def test_token_endpoint_that_drips(scene: Scene) -> None:
    """An endpoint that sends one byte after the other is given up within seconds."""
    scene.faults.inject(TokenFault(drip=timedelta(milliseconds=200)))  # a minute and more in all
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, scene.token_server.endpoint)
    scene.check()


_LIFETIMES: Final[dict[str, TokenFault]] = {
    "absent": TokenFault(omitted=frozenset({"expires_in"})),
    "null": TokenFault(fields=(("expires_in", None),)),
    "text-of-digits": TokenFault(fields=(("expires_in", "3599"),)),
    "fraction": TokenFault(fields=(("expires_in", 3599.5),)),
    "for-ever": TokenFault(fields=(("expires_in", 2**63 - 1),)),
    "zero": TokenFault(fields=(("expires_in", 0),)),
    "negative": TokenFault(fields=(("expires_in", -5),)),
}


@pytest.mark.parametrize("fault", _LIFETIMES.values(), ids=_LIFETIMES)
def test_odd_lifetime_of_a_token(scene: Scene, fault: TokenFault) -> None:
    """A token whose lifetime is not told, or in an odd way, serves the run that minted it."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, times=1)
    report = scene.drain()
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    scene.publish(_EVENTS, seed=1)
    assert scene.drain().acked == _EVENTS
    assert scene.check().copies == 0


def test_scope_that_is_not_granted(scene: Scene) -> None:
    """A client that may not have the scope fails the run, and the error names the scope."""
    scene.token_server.register(CLIENT_ID, scene.client_secret, [])
    report = scene.drain()
    _assert_failed_before_the_stream(scene, report.error, "subscription.handset_details:read")
    scene.check()


_LONG_WINDOW: Final = timedelta(minutes=10)
"""Longer than what a token must have to spare beyond it."""
_KEPT: Final[dict[str, Any]] = {
    "not-json": "made up",
    "list": [],
    "null": None,
    "number": 17,
    "empty": {},
    "no-expiry": {"expires_at": None},
    "expiry-is-no-time": {"expires_at": "tomorrow"},
    "expiry-without-zone": {"expires_at": "2099-01-01T00:00:00"},
    "expiry-is-a-number": {"expires_at": 4_000_000_000},
    "expired": {"expires_at": "2020-01-01T00:00:00+00:00"},
    "expires-with-the-window": {"expires_at": "soon"},
    "token-is-a-number": {"access_token": 17},
    "token-is-empty": {"access_token": ""},
    "minted-for-nobody": {"minted_for": None},
    "scopes-are-text": {"scopes": "subscription.handset_details:read"},
    "undecided-is-text": {"undecided": "subscription.handset_details:read"},
    "minted-at-is-no-time": {"minted_at": "today"},
}


@pytest.mark.parametrize("content", _KEPT.values(), ids=_KEPT)
def test_kept_token_that_is_unusable(scene: Scene, content: Any) -> None:
    """A cached token that is malformed, expired or another's is replaced, and the run goes on."""
    scene.secrets.add(_VALUE)
    if isinstance(content, dict) and content:
        if content.get("expires_at") == "soon":
            content = {"expires_at": (datetime.now(UTC) + _LONG_WINDOW).isoformat()}
        _keep(scene, **content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        scene.cloud.secrets.put_secret_value(SecretId=scene.places.token_arn, SecretString=text)
    scene.publish(_EVENTS)
    report = scene.drain(window=_LONG_WINDOW)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.token_server.minted == 1
    assert scene.event_server.ledger().failures == [], "it was replaced before it was used"
    assert scene.check().copies == 0


_NOT_KEPT: Final = {
    "access-denied": PutSecretFault(status=400, code="AccessDeniedException"),
    "limit-exceeded": PutSecretFault(status=400, code="LimitExceededException"),
    "internal-error": PutSecretFault(status=500, code="InternalServiceError"),
    "reset": PutSecretFault(is_reset=True),
}


@pytest.mark.parametrize("fault", _NOT_KEPT.values(), ids=_NOT_KEPT)
def test_token_that_cannot_be_kept(scene: Scene, fault: PutSecretFault) -> None:
    """A token that can't be written back serves its run; a warning names secret and cause."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault)
    assert scene.drain().acked == _EVENTS
    assert f"secretsmanager:PutSecretValue of {scene.places.token_arn}" in scene.log
    assert scene.check().copies == 0


def _keep(scene: Scene, **changes: object) -> None:
    """Put a well-formed token of the scene's client into the stack's secret, but for these."""
    content = {
        "access_token": _VALUE,
        "scopes": ["subscription.handset_details:read"],
        "undecided": [],
        "minted_at": datetime.now(UTC).isoformat(),
        "expires_at": "2099-01-01T00:00:00+00:00",
        "minted_for": {
            "client_id": CLIENT_ID,
            "scope": "subscription.handset_details:read",
            "token_endpoint": scene.token_server.endpoint,
        },
    }
    scene.cloud.secrets.put_secret_value(
        SecretId=scene.places.token_arn, SecretString=json.dumps(content | changes)
    )


def _assert_failed_before_the_stream(scene: Scene, error: str | None, told: str) -> None:
    assert error is not None
    assert told in error
    ledger = scene.event_server.ledger()
    assert (ledger.streams, ledger.failures) == ({}, [])
