"""The contract of ``ports.TokenEndpoint``: OAuth over HTTP, the fake, and the simulation."""

from __future__ import annotations

import gc
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.errors import ScopeRefused, TokenError, TokenRefused, TokenUnavailable
from eventdrain.ports import ClientCredentials
from eventdrain.settings import Endpoint
from simulator.token_server import TokenFault, TokenServer
from tests.contract.simulated import Simulated
from tests.granting_endpoint import GrantingEndpoint
from tests.simulation import secrets as simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventdrain.ports import AccessToken, TokenEndpoint

SCOPE: Final = "made.up:read"
OTHER: Final = "made.up:write"
MISSING: Final = "made.up:missing"
SECRET: Final = "made-up-secret-of-a-client"
VALUE: Final = "made-up-value-of-a-token"
ECHO: Final = f"the secret {SECRET} is wrong"
CLIENT: Final = ClientCredentials("made-up-id", SECRET)
LIFETIME: Final = timedelta(hours=1)
SECONDS: Final = 30.0


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """Serve a token endpoint whose client has two scopes."""
    with TokenServer(lifetime=LIFETIME) as server:
        server.register(CLIENT.client_id, SECRET, [SCOPE, OTHER])
        yield server


@pytest.fixture(params=["fake", "simulated", "oauth"])
def endpoint(request: pytest.FixtureRequest, server: TokenServer) -> TokenEndpoint:
    """Return each kind of endpoint, with the same client."""
    if request.param == "oauth":
        return adapter(server.endpoint)
    if request.param == "simulated":
        return simulated_endpoint()
    return GrantingEndpoint(granted=frozenset({SCOPE, OTHER}))


def simulated_endpoint(*faults: str) -> TokenEndpoint:
    """Return the simulation's endpoint during faults."""
    simulated = Simulated(*faults, credentials="client", token_seconds=LIFETIME.total_seconds())
    tokens = simulation.Tokens(simulated.cloud.world, (SCOPE, OTHER))
    tokens.client_secret = SECRET
    endpoint: TokenEndpoint = simulated.blocking(
        simulation.TokenEndpoint(tokens, simulated.cloud.secrets, CLIENT, simulated.process)
    )
    return endpoint


def adapter(url: str, client: ClientCredentials = CLIENT) -> OAuthTokenEndpoint:
    """Return the adapter for a URL."""
    return OAuthTokenEndpoint(Endpoint.parse(url), client)


def mint(
    server: TokenServer, fault: TokenFault | None = None, *, seconds: float = SECONDS
) -> AccessToken:
    """Mint a token with the adapter during a fault."""
    if fault is not None:
        server.faults.inject(fault)
    return adapter(server.endpoint).mint(SCOPE, timeout_seconds=seconds)


def error_of(
    server: TokenServer, fault: TokenFault | None = None, *, seconds: float = SECONDS
) -> TokenError:
    """Return the error during a fault; it names the endpoint, and holds no secret."""
    with pytest.raises(TokenError) as caught:
        mint(server, fault, seconds=seconds)
    text = str(caught.value)
    assert server.endpoint in text
    assert SECRET not in text
    assert VALUE not in text
    return caught.value


def body(text: str | bytes, status: int = 200) -> TokenFault:
    """Answer with this body."""
    content = text if isinstance(text, bytes) else text.encode()
    return TokenFault(status=status, body=content)


def answer(**changes: Any) -> TokenFault:
    """Answer with a valid token, with these fields changed."""
    fields = {"access_token": VALUE, "token_type": "bearer", "expires_in": 3599}
    return body(json.dumps(fields | changes))


# --- What every token endpoint promises ---


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        (SCOPE, (SCOPE,)),
        (f"{OTHER} {SCOPE}", (OTHER, SCOPE)),
        ("", ()),
        (f"{MISSING} {SCOPE}", (SCOPE,)),
    ],
)
def test_minted_token(endpoint: TokenEndpoint, requested: str, granted: tuple[str, ...]) -> None:
    """Each call mints a token with its scopes and times in UTC; its repr hides its value."""
    tokens = [endpoint.mint(requested, timeout_seconds=SECONDS) for _ in range(2)]
    assert tokens[0].value != tokens[1].value
    for token in tokens:
        assert token.value not in repr(token)
        assert token.scopes == granted
        assert token.lifetime == LIFETIME
        assert token.minted_at.tzinfo is UTC


def test_scopes_that_are_rejected_together(endpoint: TokenEndpoint, server: TokenServer) -> None:
    """If the whole request is rejected because of one scope, the error says so."""
    grants: Any = getattr(endpoint, "tokens", endpoint)
    server.narrows = grants.narrows = False
    with pytest.raises(ScopeRefused, match=MISSING) as caught:
        endpoint.mint(f"{MISSING} {SCOPE}", timeout_seconds=SECONDS)
    assert endpoint.url in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("the token endpoint rejects the client", TokenRefused),
        ("the token endpoint is down", TokenUnavailable),
        ("the token endpoint hangs", TokenUnavailable),
    ],
)
def test_simulated_trouble(fault: str, kind: type[TokenError]) -> None:
    """The simulation's faults raise the errors that the adapter raises."""
    with pytest.raises(TokenError) as caught:
        simulated_endpoint(fault).mint(SCOPE, timeout_seconds=SECONDS)
    assert type(caught.value) is kind


def test_simulated_endpoint_without_time() -> None:
    """An endpoint that has no time to answer is unavailable."""
    with pytest.raises(TokenUnavailable):
        simulated_endpoint().mint(SCOPE, timeout_seconds=0.0)


# --- What the adapter sends ---


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("made up:id/é", "made+up %secret: ü"), ("a" * 500, "b" * 500), ("%41", "+")],
)
def test_any_id_and_secret_reach_the_server(
    server: TokenServer, client_id: str, secret: str
) -> None:
    """Characters with a meaning in HTTP Basic or in forms are encoded."""
    server.register(client_id, secret, [SCOPE])
    client = ClientCredentials(client_id, secret)
    token = adapter(server.endpoint, client).mint(SCOPE, timeout_seconds=SECONDS)
    assert server.tokens.check(token.value)


@pytest.mark.parametrize("target", ["/oauth2/token?tenant=a%20b&x=1", "/?x", "?x=1"])
def test_query_of_the_endpoint_is_sent(target: str) -> None:
    """The query of the endpoint's URL, such as a tenant, is sent."""
    seen: list[str] = []

    class Noting(TokenServer):
        def respond(self, request: Any) -> None:
            seen.append(request.path)
            super().respond(request)

    with Noting() as server:
        server.faults.inject(answer())
        url = f"http://127.0.0.1:{server.port}{target}"
        assert adapter(url).mint(SCOPE, timeout_seconds=SECONDS).value == VALUE
    assert seen == [target if target.startswith("/") else f"/{target}"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(server: TokenServer, status: int) -> None:
    """The secret is sent to the configured endpoint only."""
    with TokenServer() as elsewhere:
        error = error_of(
            server, TokenFault(status=status, headers=(("Location", elsewhere.endpoint),))
        )
        assert elsewhere.requests() == {}
    assert str(status) in error.reason
    assert server.requests() == {"injected": 1}


# --- Rejections ---


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_client", TokenRefused),
        ("unauthorized_client", TokenRefused),
        ("invalid_scope", ScopeRefused),
    ],
)
def test_rejection(server: TokenServer, code: str, status: int, kind: type[TokenError]) -> None:
    """A rejection is not retried. The error has status, code, scope and hint, but no free text."""
    content = {"error": code, "error_description": ECHO, "error_uri": ECHO, "expires_in": "soon"}
    error = error_of(server, body(json.dumps(content), status))
    assert type(error) is kind
    for part in (str(status), code, SCOPE, "client_secret", "portal"):
        assert part in str(error)
    assert server.requests() == {"injected": 1}


@pytest.mark.parametrize("status", [200, 400])
def test_token_beside_an_error(server: TokenServer, status: int) -> None:
    """An answer with an error is a rejection, even if it also has a token."""
    content = {"access_token": VALUE, "token_type": "bearer", "error": "invalid_client"}
    assert type(error_of(server, body(json.dumps(content), status))) is TokenRefused


def test_pause_after_a_rejection(server: TokenServer) -> None:
    """The run's next request waits for a second, and fails if there is no time for that."""
    endpoint = adapter(server.endpoint)
    with pytest.raises(ScopeRefused):
        endpoint.mint(MISSING, timeout_seconds=SECONDS)
    with pytest.raises(TokenUnavailable):
        endpoint.mint(SCOPE, timeout_seconds=0.5)
    began = time.monotonic()
    endpoint.mint(SCOPE, timeout_seconds=SECONDS)
    paused = time.monotonic()
    endpoint.mint(SCOPE, timeout_seconds=SECONDS)
    assert paused - began >= 1 > time.monotonic() - paused
    assert server.requests() == {"invalid_scope": 1, "minted": 2}


# --- Retryable failures ---


@pytest.mark.parametrize(
    ("status", "content", "named"),
    [
        *((status, "", "") for status in (408, 500, 501, 502, 504, 520, 527, 599)),
        *((status, '{"error": "invalid_client"}', "") for status in (429, 500)),
        (503, "<html></html>", ""),
        *(
            (status, json.dumps({"error": code, "error_description": ECHO} | beside), f" {code}")
            for status in (200, 400, 401, 503)
            for code in ("temporarily_unavailable", "server_error")
            for beside in ({}, {"access_token": VALUE, "token_type": "bearer"})
        ),
    ],
)
def test_trouble_of_the_endpoint(
    server: TokenServer, status: int, content: str, named: str
) -> None:
    """The error has the status and the hint to wait. It does not blame the client."""
    hour = (("Retry-After", "3600"),)
    error = error_of(server, TokenFault(status=status, body=content.encode(), headers=hour))
    assert type(error) is TokenUnavailable
    assert f"answers {status}{named} and asks to wait 3600 s" in error.reason
    assert ("called too often" in error.reason) is (status == 429)
    assert error.hint.startswith("wait, as each run tries again")
    for word in ("client_id", "client_secret", "scope", "TOKEN_ENDPOINT"):
        assert word not in str(error)


def test_endpoint_that_stays_down(server: TokenServer) -> None:
    """The request is made three times."""
    assert "500" in error_of(server, body(SECRET, 500)).reason
    assert server.requests() == {"injected": 3}


@pytest.mark.parametrize(
    ("headers", "least_seconds"),
    [
        ({"Retry-After": "2"}, 2),
        # Compared with the endpoint's clock, which may differ from ours.
        (
            {
                "Date": "Sun, 06 Nov 1994 08:49:37 GMT",
                "Retry-After": "Sun, 06 Nov 1994 08:49:39 GMT",
            },
            2,
        ),
        *(
            ({"Retry-After": asked}, 0)
            for asked in ("", "soon", "-5", "1.5", "Sun, 06 Nov 1994", "\xb2")
        ),
    ],
)
def test_retry_after(server: TokenServer, headers: dict[str, str], least_seconds: int) -> None:
    """A busy endpoint is retried after the time it gives; a malformed time counts as 0."""
    server.faults.inject(TokenFault(status=429, headers=tuple(headers.items())), times=1)
    began = time.monotonic()
    mint(server)
    assert least_seconds <= time.monotonic() - began < least_seconds + 10
    assert server.requests() == {"injected": 1, "minted": 1}


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        pytest.param("11", SECONDS, id="longer than a run waits"),
        pytest.param("5", 4.0, id="longer than the time left"),
        pytest.param("9" * 400, SECONDS, id="for ever"),
        pytest.param(
            format_datetime(datetime.now(UTC) + LIFETIME, usegmt=True), SECONDS, id="on our clock"
        ),
    ],
)
def test_retry_after_that_is_too_long(server: TokenServer, asked: str, seconds: float) -> None:
    """The request is not retried in this run."""
    fault = TokenFault(status=429, headers=(("Retry-After", asked),))
    assert "asks to wait" in error_of(server, fault, seconds=seconds).reason
    assert server.requests() == {"injected": 1}


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (TokenFault(is_unanswered=True), 0.3),
        (TokenFault(drip=timedelta(seconds=0.05)), 0.3),
        (None, 0.0),
    ],
    ids=["silent", "dripping", "no time at all"],
)
def test_no_longer_than_the_time_given(
    server: TokenServer, fault: TokenFault | None, seconds: float
) -> None:
    """An endpoint that doesn't answer within the time is unavailable."""
    assert type(error_of(server, fault, seconds=seconds)) is TokenUnavailable


def test_endpoint_that_is_not_there() -> None:
    """The error names the endpoint and its setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/oauth2/token"
        with pytest.raises(TokenUnavailable, match="TOKEN_ENDPOINT") as caught:
            adapter(url).mint(SCOPE, timeout_seconds=SECONDS)
    assert url in str(caught.value)


# --- Answers ---


@pytest.mark.parametrize(
    "fault",
    [
        body("<html>Sign in</html>"),
        body(""),
        body("[]"),
        body("null"),
        body("17"),
        body('"made up"'),
        body(b"\xff\xfe\x00"),
        body("[" * 100_000),
        body(f"access_token={VALUE}&token_type=bearer"),
        body('{"token_type": "bearer", "expires_in": 3599}'),
        body(json.dumps({"access_token": VALUE, "token_type": "bearer"}), 201),
        body("<html>Forbidden</html>", 403),
        body("[]", 400),
        body('{"error": null}', 400),
        body('{"error": ["invalid_client"]}', 400),
        body('{"error": {"code": 1}}', 400),
        body('{"status": 404, "error": "Not Found"}', 404),
        *(body(json.dumps({"error": ECHO}), status) for status in (400, 401)),
        *(answer(access_token=value) for value in (None, "", 17, [VALUE], VALUE + "x" * 9000)),
        *(answer(access_token=VALUE + more) for more in ("\r\nX: x", "\n", f" {VALUE}", "é")),
        *(answer(token_type=kind) for kind in ("mac", None, ["bearer"])),
        *(answer(expires_in=value) for value in ("soon", [3599], float("nan"))),
    ],
    ids=lambda fault: repr(fault.body[:40]),
)
def test_answer_without_a_usable_token(server: TokenServer, fault: TokenFault) -> None:
    """The error's hint is to check the endpoint; nothing of the answer is repeated."""
    error = error_of(server, fault)
    assert type(error) is TokenUnavailable
    assert error.setting == "TOKEN_ENDPOINT"
    assert str(fault.status) in error.reason


@pytest.mark.parametrize(
    "fault",
    [
        *(answer(token_type=kind) for kind in ("bearer", "Bearer", "BEARER")),
        answer(expires_at=[1], x=1),
        body(json.dumps({"access_token": VALUE, "token_type": "bearer"}).encode("utf-8-sig")),
    ],
)
def test_usable_answers(server: TokenServer, fault: TokenFault) -> None:
    """The type may be in any letter case; a byte order mark and other fields are ignored."""
    assert mint(server, fault).value == VALUE


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3600.5, 3600.5),
        *((none, 0) for none in (0, "0", -1, -(10**18), "-inf", None)),
        *((absurd, 86400) for absurd in (10**9, 10**18, 1e300, "inf")),
    ],
)
def test_lifetime(server: TokenServer, expires_in: object, seconds: float) -> None:
    """A lifetime may be any form of a number from zero to a day, or missing."""
    token = mint(server, answer(expires_in=expires_in))
    assert token.lifetime == timedelta(seconds=seconds)
    assert (token.expires_at is None) is (expires_in is None)


def test_lifetime_counts_from_the_request(server: TokenServer) -> None:
    """The lifetime counts from the request, as the later time of minting is unknown."""
    delay = timedelta(seconds=1)
    token = mint(server, TokenFault(delay=delay, fields=(("expires_in", 3600),)))
    assert token.expires_at is not None
    assert token.expires_at - timedelta(seconds=3600) <= datetime.now(UTC) - delay


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ([], []),
        *((unknown, [SCOPE]) for unknown in (None, 17, [17])),
        *((nothing, []) for nothing in ("", "  ", ",")),
        *(
            (both, [SCOPE, OTHER])
            for both in ([SCOPE, OTHER], f" {SCOPE}  {OTHER} ", f"{SCOPE},{OTHER},")
        ),
    ],
)
def test_granted_scopes(server: TokenServer, scope: object, granted: list[str]) -> None:
    """If the answer names no scopes, all requested ones are granted (RFC 6749, section 5.1)."""
    assert mint(server, answer(scope=scope)).scopes == tuple(granted)


def test_minting_logs_nothing(server: TokenServer, caplog: pytest.LogCaptureFixture) -> None:
    """Minting leaves no log line, and nothing that the event loop would warn about."""
    for _ in range(20):
        mint(server)
    gc.collect()
    assert caplog.records == []
