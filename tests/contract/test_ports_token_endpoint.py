"""The contract of ``token_ports.TokenEndpoint``: OAuth over HTTP, and the fake."""

from __future__ import annotations

import gc
import json
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.errors import ScopeRefused, TokenError, TokenRefused, TokenUnavailable
from eventdrain.ports import ClientCredentials
from eventdrain.settings import Endpoint
from simulator.token_server import TokenFault, TokenServer
from tests.fakes import NOW, FakeTokenEndpoint
from tests.granting_endpoint import GrantingEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from eventdrain.ports import TokenEndpoint

SCOPE: Final = "made.up:read"
SECRET: Final = "made-up-secret-of-a-client"
VALUE: Final = "made-up-value-of-a-token"
CLIENT: Final = ClientCredentials("made-up-id", SECRET)
LIFETIME: Final = timedelta(hours=1)
A_WHILE: Final = timedelta(minutes=1)
SECONDS: Final = 30.0


@dataclass(frozen=True)
class Served:
    """A token endpoint, and the time by which its tokens live."""

    endpoint: TokenEndpoint
    now: Callable[[], datetime]


@contextmanager
def fake_endpoint(fault: TokenFault | None, error: type[TokenError] | None) -> Iterator[Served]:
    """Give the fake."""
    endpoint = FakeTokenEndpoint(lifetime=LIFETIME, error=None if error is None else error("no"))
    if fault is not None and "expires_in" in fault.omitted:
        endpoint.lifetime = None
    yield Served(endpoint, lambda: NOW)


@contextmanager
def oauth_endpoint(fault: TokenFault | None, _error: type[TokenError] | None) -> Iterator[Served]:
    """Give the adapter, before a token server that a fault befalls."""
    with TokenServer(lifetime=LIFETIME) as server:
        server.register(CLIENT.client_id, SECRET, [SCOPE])
        if fault is not None:
            server.faults.inject(fault)
        yield Served(adapter(server.endpoint), lambda: datetime.now(UTC))


def adapter(url: str) -> OAuthTokenEndpoint:
    """Make the adapter."""
    return OAuthTokenEndpoint(Endpoint.parse(url))


Serve: TypeAlias = (
    "Callable[[TokenFault | None, type[TokenError] | None], AbstractContextManager[Served]]"
)
every_endpoint: Final = pytest.mark.parametrize(
    "serve", [pytest.param(fake_endpoint, id="fake"), pytest.param(oauth_endpoint, id="oauth")]
)


# --- What every token endpoint promises ---


@every_endpoint
def test_token_and_its_expiry(serve: Serve) -> None:
    """A token comes with the moment, in UTC, until which it can be used."""
    with serve(None, None) as served:
        token = served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
        now = served.now()
    assert token.value
    assert token.value not in repr(token)
    assert token.expires_at is not None
    assert token.expires_at.utcoffset() == timedelta(0)
    assert LIFETIME - A_WHILE < token.expires_at - now <= LIFETIME


@every_endpoint
def test_every_call_mints(serve: Serve) -> None:
    """To keep a token is its caller's business."""
    with serve(None, None) as served:
        tokens = {
            served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS).value for _ in range(3)
        }
    assert len(tokens) == 3


@every_endpoint
def test_expiry_that_is_not_told(serve: Serve) -> None:
    """A token whose lifetime is not told has no expiry."""
    with serve(TokenFault(omitted=frozenset({"expires_in"})), None) as served:
        assert served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS).expires_at is None


@every_endpoint
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (TokenFault(status=401, body=b'{"error": "invalid_client"}'), TokenRefused),
        (TokenFault(status=400, body=b'{"error": "invalid_scope"}'), ScopeRefused),
        (TokenFault(status=400, body=b'{"error": "unauthorized_client"}'), TokenRefused),
        (TokenFault(status=500), TokenUnavailable),
        (TokenFault(status=429), TokenUnavailable),
    ],
    ids=["invalid-client", "invalid-scope", "unauthorized-client", "500", "429"],
)
def test_no_token(serve: Serve, fault: TokenFault, error: type[TokenError]) -> None:
    """What an operator must mend is told from what may pass."""
    with serve(fault, error) as served, pytest.raises(TokenError) as caught:
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert type(caught.value) is error
    assert SECRET not in str(caught.value)


# --- What every endpoint does with several scopes, after either manner ---


@contextmanager
def granting_endpoint(*, narrows: bool) -> Iterator[TokenEndpoint]:
    """Give the fake."""
    yield GrantingEndpoint(may_have=frozenset({SCOPE, "made.up:write"}), narrows=narrows)


@contextmanager
def granting_server(*, narrows: bool) -> Iterator[TokenEndpoint]:
    """Give the adapter, before a token server."""
    with TokenServer(narrows=narrows) as server:
        server.register(CLIENT.client_id, SECRET, [SCOPE, "made.up:write"])
        yield adapter(server.endpoint)


every_granting_endpoint: Final = pytest.mark.parametrize(
    "grant",
    [pytest.param(granting_endpoint, id="fake"), pytest.param(granting_server, id="oauth")],
)
both_manners: Final = pytest.mark.parametrize(
    "narrows", [pytest.param(True, id="grants fewer"), pytest.param(False, id="refuses the whole")]
)
Grant: TypeAlias = "Callable[..., AbstractContextManager[TokenEndpoint]]"


@every_granting_endpoint
@both_manners
@pytest.mark.parametrize("scope", [SCOPE, f"made.up:write {SCOPE}", ""])
def test_granted_scopes(grant: Grant, scope: str, *, narrows: bool) -> None:
    """A client that may have what it asks for gets it, and is told so; also if that is nothing."""
    with grant(narrows=narrows) as endpoint:
        token = endpoint.mint(CLIENT, scope, timeout_seconds=SECONDS)
    assert token.scopes == tuple(scope.split())


@every_granting_endpoint
def test_fewer_scopes_than_asked_for(grant: Grant) -> None:
    """A token for some of them is a token; it tells which, and that is no error."""
    with grant(narrows=True) as endpoint:
        token = endpoint.mint(CLIENT, f"made.up:other {SCOPE}", timeout_seconds=SECONDS)
    assert token.scopes == (SCOPE,)


@every_granting_endpoint
def test_scopes_that_are_refused_together(grant: Grant) -> None:
    """That the whole is refused for one scope is told from every other failure."""
    with grant(narrows=False) as endpoint, pytest.raises(ScopeRefused) as caught:
        endpoint.mint(CLIENT, f"made.up:other {SCOPE}", timeout_seconds=SECONDS)
    assert endpoint.url in str(caught.value)
    assert "made.up:other" in str(caught.value)
    assert SECRET not in str(caught.value)


# --- What is true of the adapter alone ---


@pytest.mark.parametrize(
    ("credentials", "scope", "code"),
    [
        (ClientCredentials("made-up-id", "made-up-other"), SCOPE, "invalid_client"),
        (ClientCredentials("made-up-nobody", SECRET), SCOPE, "invalid_client"),
        (CLIENT, "made.up:other", "invalid_scope"),
    ],
    ids=["wrong-secret", "unknown-client", "scope-it-may-not-have"],
)
def test_failure_of_a_real_server(credentials: ClientCredentials, scope: str, code: str) -> None:
    """A failure is told with the endpoint, its code, and what to look at; never with the secret."""
    with oauth_endpoint(None, None) as served, pytest.raises(TokenRefused) as caught:
        served.endpoint.mint(credentials, scope, timeout_seconds=SECONDS)
    error = str(caught.value)
    assert served.endpoint.url in error
    assert code in error
    assert scope in error
    assert credentials.client_secret not in error


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("made up:id/é", "made+up %secret: ü"), ("a" * 500, "b" * 500), ("%41", "+")],
)
def test_any_id_and_secret_reach_the_server(client_id: str, secret: str) -> None:
    """Letters that mean something in HTTP Basic or in forms are nothing special."""
    with TokenServer() as server:
        server.register(client_id, secret, [SCOPE])
        token = adapter(server.endpoint).mint(
            ClientCredentials(client_id, secret), SCOPE, timeout_seconds=SECONDS
        )
        assert server.tokens.check(token.value)


@pytest.mark.parametrize(
    "headers",
    [
        (("Retry-After", "2"),),
        # On the endpoint's clock, which need not be ours.
        (
            ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("Retry-After", "Sun, 06 Nov 1994 08:49:39 GMT"),
        ),
    ],
    ids=["seconds", "date"],
)
def test_retry_after_is_waited_for(headers: tuple[tuple[str, str], ...]) -> None:
    """An endpoint that is busy is asked again, not before it said, and the token is had."""
    with TokenServer() as server:
        server.register(CLIENT.client_id, SECRET, [SCOPE])
        server.faults.inject(TokenFault(status=429, headers=headers), times=1)
        began = time.monotonic()
        token = adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
        waited = time.monotonic() - began
        assert server.requests() == {"injected": 1, "minted": 1}
        assert server.tokens.check(token.value)
    assert waited >= 2


def test_retry_after_on_our_clock() -> None:
    """Where the endpoint's answer has no date, a date to wait for is compared with our clock."""
    until = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with TokenServer() as server:
        server.faults.inject(TokenFault(status=503, headers=(("Retry-After", until),)))
        with pytest.raises(TokenUnavailable, match=r"asks to wait 3[56][0-9][0-9] s"):
            adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("11", SECONDS), ("5", 4.0), ("9" * 400, SECONDS)],
    ids=["longer than a run waits", "longer than there is time", "for ever"],
)
def test_retry_after_that_is_too_long(asked: str, seconds: float) -> None:
    """An endpoint that asks for a longer wait is left alone: the error names its status, not us."""
    with TokenServer() as server:
        server.faults.inject(TokenFault(status=429, headers=(("Retry-After", asked),)))
        with pytest.raises(TokenUnavailable, match="answers 429 and asks to wait"):
            adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=seconds)
        assert server.requests() == {"injected": 1}


@pytest.mark.parametrize(
    "asked", ["", "soon", "-5", "1.5", "Sun, 06 Nov 1994", "Sun Nov  6 08:49:37 1994", "\xb2"]
)
def test_retry_after_that_can_not_be_read(asked: str) -> None:
    """It is as if the endpoint had not said for how long."""
    with TokenServer() as server:
        server.register(CLIENT.client_id, SECRET, [SCOPE])
        server.faults.inject(TokenFault(status=500, headers=(("Retry-After", asked),)), times=1)
        adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
        assert server.requests() == {"injected": 1, "minted": 1}


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 504, 520, 522, 527, 530, 599])
@pytest.mark.parametrize("content", ["", '{"error": "invalid_client"}', "<html></html>"])
def test_trouble_of_the_endpoint_is_not_the_clients(status: int, content: str) -> None:
    """A busy or broken endpoint is named as such, with what to do; the client is not suspected."""
    _assert_busy(TokenFault(status=status, body=content.encode()), str(status))


@pytest.mark.parametrize("status", [200, 400, 401, 503])
@pytest.mark.parametrize("code", ["temporarily_unavailable", "server_error"])
@pytest.mark.parametrize("beside", [{}, {"access_token": VALUE, "token_type": "bearer"}])
def test_trouble_that_is_told_by_oauth(code: str, status: int, beside: dict[str, str]) -> None:
    """OAuth's two errors that pass mean the same, whatever status they come with."""
    content = json.dumps({"error": code, "error_description": ECHO, **beside})
    _assert_busy(body(content, status), f"{status} {code}")


def _assert_busy(fault: TokenFault, told: str) -> None:
    with TokenServer() as server:
        server.register(CLIENT.client_id, SECRET, [SCOPE])
        asked = TokenFault(status=fault.status, body=fault.body, headers=(("Retry-After", "3600"),))
        server.faults.inject(asked)
        with pytest.raises(TokenUnavailable, match=f"answers {told} ") as caught:
            adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert "wait, as each run asks again" in caught.value.hint
    for word in ("client_id", "client_secret", "scope", "TOKEN_ENDPOINT", SECRET, VALUE):
        assert word not in str(caught.value)


def test_endpoint_that_stays_down_is_asked_a_few_times() -> None:
    """It is asked again, but not for ever; the error names it and its status."""
    with TokenServer() as server:
        server.faults.inject(TokenFault(status=500, body=SECRET.encode()))
        with pytest.raises(TokenUnavailable, match="500") as caught:
            adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
        assert 1 < server.requests()["injected"] <= 4
    assert server.endpoint in str(caught.value)
    assert SECRET not in str(caught.value)


def test_failure_is_not_tried_again() -> None:
    """A client that is refused asks once: more would look like an attack."""
    with TokenServer() as server:
        with pytest.raises(TokenRefused):
            adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
        assert server.requests() == {"invalid_client": 1}


def test_endpoint_that_is_not_there() -> None:
    """That nobody listens may pass; the error names the endpoint and its setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/oauth2/token"
        with pytest.raises(TokenUnavailable, match="TOKEN_ENDPOINT") as caught:
            adapter(url).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert url in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [TokenFault(is_unanswered=True), TokenFault(drip=timedelta(seconds=0.05)), TokenFault()],
    ids=["silent", "dripping", "good, but without any time"],
)
def test_no_longer_than_the_time_given(fault: TokenFault) -> None:
    """What has not answered by then is unavailable; nothing is waited for beyond it."""
    seconds = 0.0 if fault == TokenFault() else 0.3
    with oauth_endpoint(fault, None) as served, pytest.raises(TokenUnavailable) as caught:
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=seconds)
    assert served.endpoint.url in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    """The secret goes to the endpoint that was set and to no other."""
    with TokenServer() as elsewhere, TokenServer() as server:
        elsewhere.register(CLIENT.client_id, SECRET, [SCOPE])
        server.faults.inject(TokenFault(status=status, headers=(("Location", elsewhere.endpoint),)))
        with pytest.raises(TokenError, match=str(status)):
            adapter(server.endpoint).mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
        assert elsewhere.requests() == {}
        assert server.requests() == {"injected": 1}


def answer(**changes: Any) -> TokenFault:
    """Answer with a good token, but for these fields."""
    content = {"access_token": VALUE, "token_type": "bearer", "expires_in": 3599, **changes}
    return body(json.dumps(content))


def body(text: str | bytes, status: int = 200) -> TokenFault:
    """Answer with this."""
    content = text if isinstance(text, bytes) else text.encode()
    return TokenFault(status=status, body=content)


ECHO: Final = f"the secret {SECRET} is wrong"
UNUSABLE: Final = {
    "html": body("<html>Sign in</html>"),
    "empty": body(""),
    "list": body("[]"),
    "null": body("null"),
    "number": body("17"),
    "text": body('"made up"'),
    "not-utf8": body(b"\xff\xfe\x00"),
    "deeply-nested": body("[" * 100_000),
    "form": body(f"access_token={VALUE}&token_type=bearer"),
    "error-with-200": body('{"error": "invalid_client"}'),
    "error-is-a-list": body('{"error": ["invalid_client"]}', 400),
    "error-is-an-object": body('{"error": {"code": 1}}', 400),
    "error-list-body": body("[]", 400),
    "error-html": body("<html>Forbidden</html>", 403),
    "error-of-a-framework": body('{"status": 404, "error": "Not Found"}', 404),
    "created": body(json.dumps({"access_token": VALUE, "token_type": "bearer"}), 201),
    "no-token": body('{"token_type": "bearer", "expires_in": 3599}'),
    "token-null": answer(access_token=None),
    "token-empty": answer(access_token=""),
    "token-number": answer(access_token=17),
    "token-list": answer(access_token=[VALUE]),
    "token-with-newline": answer(access_token=f"{VALUE}\r\nX-Header: x"),
    "token-ends-with-newline": answer(access_token=f"{VALUE}\n"),
    "token-with-space": answer(access_token=f"{VALUE} {VALUE}"),
    "token-not-ascii": answer(access_token=f"{VALUE}é"),
    "token-of-9-kilobytes": answer(access_token=VALUE + "x" * 9000),
    "type-mac": answer(token_type="mac"),
    "type-null": answer(token_type=None),
    "type-list": answer(token_type=["bearer"]),
    "lifetime-text": answer(expires_in="soon"),
    "lifetime-list": answer(expires_in=[3599]),
    "lifetime-object": answer(expires_in={}),
    "lifetime-nan": answer(expires_in=float("nan")),
}


@pytest.mark.parametrize("fault", UNUSABLE.values(), ids=UNUSABLE)
def test_answer_without_a_usable_token(fault: TokenFault) -> None:
    """It is an error of ours that names the endpoint, and holds neither token nor secret."""
    with oauth_endpoint(fault, None) as served, pytest.raises(TokenError) as caught:
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert served.endpoint.url in str(caught.value)
    assert VALUE not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ['{"error": null}', '{"error": "invalid_client", "expires_in": "soon"}'],
    ids=["error-is-null", "error-with-bad-lifetime"],
)
def test_failure_that_is_malformed(content: str) -> None:
    """A failure with odd fields is an error of ours as well."""
    with oauth_endpoint(body(content, 400), None) as served, pytest.raises(TokenError):
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)


@pytest.mark.parametrize(
    "name", ["html", "empty", "list", "created", "token-empty", "form", "error-of-a-framework"]
)
def test_answer_that_is_none_tells_to_check_the_endpoint(name: str) -> None:
    """Something that is no token endpoint is not taken for a failure of the client."""
    with (
        oauth_endpoint(UNUSABLE[name], None) as served,
        pytest.raises(TokenUnavailable, match="TOKEN_ENDPOINT"),
    ):
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)


@pytest.mark.parametrize("name", ["error_description", "error_uri"])
@pytest.mark.parametrize("status", [200, 400, 401])
def test_secret_that_the_endpoint_echoes_is_not_told(name: str, status: int) -> None:
    """What an endpoint says in its own words may hold the secret, so it is not repeated."""
    _assert_echo_is_not_told({"error": "invalid_client", name: ECHO}, status)


@pytest.mark.parametrize("status", [400, 401])
def test_secret_that_is_echoed_as_the_code_is_not_told(status: int) -> None:
    """Neither is a code that is none of those that RFC 6749 names."""
    _assert_echo_is_not_told({"error": ECHO}, status)


def _assert_echo_is_not_told(content: dict[str, str], status: int) -> None:
    with (
        oauth_endpoint(body(json.dumps(content), status), None) as served,
        pytest.raises(TokenError) as caught,
    ):
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("lifetime", ["3600", 3600.5, 3600])
def test_lifetime_in_other_forms(lifetime: object) -> None:
    """Seconds that come as text or with a fraction are seconds all the same."""
    with oauth_endpoint(answer(expires_in=lifetime), None) as served:
        token = served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert token.value == VALUE
    assert token.expires_at is not None
    assert abs(token.expires_at - datetime.now(UTC) - LIFETIME) < A_WHILE


@pytest.mark.parametrize("lifetime", [0, "0", -1, -(10**18), float("-inf")])
def test_lifetime_that_is_over_at_once(lifetime: object) -> None:
    """The token may be good all the same; whoever keeps tokens learns not to keep this one."""
    began = datetime.now(UTC)
    with oauth_endpoint(answer(expires_in=lifetime), None) as served:
        token = served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert token.value == VALUE
    assert token.expires_at is not None
    assert began <= token.expires_at <= datetime.now(UTC)


def test_lifetime_counts_from_the_asking() -> None:
    """The endpoint counts from a moment in between, which nobody knows: sooner is safe."""
    delay = timedelta(seconds=1)
    fault = TokenFault(delay=delay, fields=(("expires_in", 3600),))
    with oauth_endpoint(fault, None) as served:
        token = served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
        answered = datetime.now(UTC)
    assert token.expires_at is not None
    assert token.expires_at - timedelta(seconds=3600) <= answered - delay


@pytest.mark.parametrize("status", [200, 400])
def test_token_beside_an_error(status: int) -> None:
    """An answer with an error is none with a token, whatever else is in it."""
    content = {"access_token": VALUE, "token_type": "bearer", "error": "invalid_client"}
    with (
        oauth_endpoint(body(json.dumps(content), status), None) as served,
        pytest.raises(TokenRefused, match="invalid_client") as caught,
    ):
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize("target", ["/oauth2/token?tenant=a%20b&x=1", "/?x", "?x=1"])
def test_query_of_the_endpoint_is_kept(target: str) -> None:
    """Endpoints tell tenants, versions and the like by a query: it is sent as it was set."""
    seen: list[str] = []

    class Noting(TokenServer):
        def respond(self, request: Any) -> None:
            seen.append(request.path)
            super().respond(request)

    with Noting() as server:
        server.faults.inject(answer())
        address = f"http://127.0.0.1:{server.port}{target}"
        assert adapter(address).mint(CLIENT, SCOPE, timeout_seconds=SECONDS).value == VALUE
    assert seen == [target if target.startswith("/") else f"/{target}"]


def test_answer_with_a_byte_order_mark() -> None:
    """Some servers write one before their JSON."""
    content = json.dumps({"access_token": VALUE, "token_type": "bearer"})
    with oauth_endpoint(body(content.encode("utf-8-sig")), None) as served:
        assert served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS).value == VALUE


@pytest.mark.parametrize("lifetime", [10**9, 10**18, 1e300, float("inf")])
def test_absurd_lifetime(lifetime: float) -> None:
    """A token that lives for ever is taken for one that can be reckoned with."""
    with oauth_endpoint(answer(expires_in=lifetime), None) as served:
        expires_at = served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS).expires_at
    assert expires_at is not None
    assert expires_at > datetime.now(UTC)


def test_minting_logs_nothing_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is left behind that the event loop complains about later."""
    with oauth_endpoint(None, None) as served:
        for _ in range(20):
            served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    gc.collect()
    assert caplog.records == []


@pytest.mark.parametrize(
    "changes", [{"scope": 17}, {"scope": ["a"]}, {"expires_at": [1]}, {"x": 1}]
)
def test_fields_that_nobody_asked_for(changes: dict[str, Any]) -> None:
    """A good token is taken, whatever odd things stand beside it."""
    with oauth_endpoint(answer(**changes), None) as served:
        assert served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS).value == VALUE


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({}, None),
        ({"scope": None}, None),
        ({"scope": 17}, None),
        ({"scope": [17]}, None),
        ({"scope": [SCOPE, "made.up:write"]}, (SCOPE, "made.up:write")),
        ({"scope": []}, ()),
        ({"scope": ""}, ()),
        ({"scope": "  "}, ()),
        ({"scope": f" {SCOPE}  made.up:write "}, (SCOPE, "made.up:write")),
        ({"scope": f"{SCOPE},made.up:write"}, (SCOPE, "made.up:write")),
        ({"scope": f"{SCOPE}, made.up:write,"}, (SCOPE, "made.up:write")),
        ({"scope": ","}, ()),
    ],
    ids=str,
)
def test_scopes_as_they_are_told(changes: dict[str, Any], scopes: tuple[str, ...] | None) -> None:
    """Scopes are told as a text or a list; none told is not the same as none granted."""
    with oauth_endpoint(answer(**changes), None) as served:
        token = served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    assert token.scopes == scopes


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_scope_is_told_with_its_cure(status: int) -> None:
    """The error names endpoint, status, scope and hint, whatever the endpoint says beside it."""
    content = json.dumps({"error": "invalid_scope", "error_description": ECHO})
    with (
        oauth_endpoint(body(content, status), None) as served,
        pytest.raises(ScopeRefused) as caught,
    ):
        served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS)
    for told in (served.endpoint.url, str(status), "invalid_scope", SCOPE, "portal"):
        assert told in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER"])
def test_token_type_in_any_letter_case(kind: str) -> None:
    """The type's case says nothing."""
    with oauth_endpoint(answer(token_type=kind), None) as served:
        assert served.endpoint.mint(CLIENT, SCOPE, timeout_seconds=SECONDS).value == VALUE
