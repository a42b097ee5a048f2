"""The token server answers as RFC 6749 has it, seen through plain HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import grpc
import pytest

from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.ports import ClientCredentials
from eventdrain.settings import Endpoint
from simulator.event_server import AuthMode, EventServer
from simulator.token_ledger import TokenLedger
from simulator.token_server import TokenFault, TokenServer
from wgtwo.subscription.v1.subscription_events_pb2 import AckHandsetChangeEventRequest
from wgtwo.subscription.v1.subscription_events_pb2_grpc import SubscriptionEventServiceStub

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID: Final = "made up:id/é"
_SECRET: Final = "made+up %secret: ü"
_SCOPES: Final = ("made.up:read", "made.up:write")
_FORM: Final = {"grant_type": "client_credentials", "scope": "made.up:read"}
_TIMEOUT_SECONDS: Final = 10


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


def _basic(client_id: str = _ID, secret: str = _SECRET) -> dict[str, str]:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _ask(
    server: TokenServer,
    form: Mapping[str, str] | str = _FORM,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    path: str | None = None,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> _Answer:
    """Ask for a token; by default in the right way."""
    url = urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout_seconds)
    try:
        connection.request(
            method,
            path or url.path,
            form if isinstance(form, str) else urlencode(form),
            {
                "Content-Type": "application/x-www-form-urlencoded",
                **(_basic() if headers is None else headers),
            },
        )
        response = connection.getresponse()
        return _Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def _server(*, narrows: bool = True) -> TokenServer:
    server = TokenServer(narrows=narrows)
    server.register(_ID, _SECRET, _SCOPES)
    return server


def test_good_answer() -> None:
    """A client that authenticates by Basic, form-encoded, gets a token that is in the book."""
    with _server() as server:
        answer = _ask(server)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"].startswith("application/json")
        token = answer.json.pop("access_token")
        rest = {name: value for name, value in answer.json.items() if name != "access_token"}
        assert rest == {"expires_in": 3599, "scope": "made.up:read", "token_type": "bearer"}
        grant = server.tokens.check(token)
        assert grant is not None
        assert grant.client_id == _ID
        assert grant.scopes == {"made.up:read"}
        assert server.requests() == {"minted": 1}
        assert server.minted == 1


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("made.up:read made.up:write", "made.up:read made.up:write"),
        ("made.up:read made.up:more", "made.up:read"),
        ("", ""),
    ],
)
def test_granted_scope_may_be_less_than_asked(asked: str, granted: str) -> None:
    """The answer tells which scopes were granted, and the book has just these."""
    with _server() as server:
        answer = _ask(server, {**_FORM, "scope": asked})
        assert answer.json["scope"] == granted
        (grant,) = server.tokens.issued()
        assert grant.scopes == set(granted.split())


@pytest.mark.parametrize("asked", ["made.up:read made.up:more", "made.up:more"])
def test_one_scope_too_many_is_refused(asked: str) -> None:
    """A server that doesn't narrow refuses the whole for one scope that the client may not have."""
    with _server(narrows=False) as server:
        answer = _ask(server, {**_FORM, "scope": asked})
        assert (answer.status, answer.json["error"]) == (400, "invalid_scope")
        assert server.requests() == {"invalid_scope": 1}
        assert server.tokens.issued() == ()


@pytest.mark.parametrize("asked", ["made.up:read made.up:write", "made.up:write", ""])
def test_server_that_does_not_narrow_grants_what_it_can(asked: str) -> None:
    """What the client may have is granted in full, and no scope where none is asked for."""
    with _server(narrows=False) as server:
        answer = _ask(server, {**_FORM, "scope": asked})
        assert (answer.status, answer.json["scope"]) == (200, asked)
        (grant,) = server.tokens.issued()
        assert grant.scopes == set(asked.split())


def test_lifetime() -> None:
    """A token is valid for as long as the answer says, and no longer."""
    now = 0.0
    with TokenServer(TokenLedger(lambda: now), lifetime=timedelta(seconds=7)) as server:
        server.register(_ID, _SECRET, _SCOPES)
        answer = _ask(server).json
        assert answer["expires_in"] == 7
        now = 6.9
        assert server.tokens.check(answer["access_token"]) is not None
        now = 7.0
        assert server.tokens.check(answer["access_token"]) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        _basic(secret="another"),  # pragma: allowlist secret
        _basic(client_id="another"),
        _basic(secret=""),
        {"Authorization": "Bearer made-up"},
        {"Authorization": "Basic not-base64"},
        {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + base64.b64encode(f"{_ID}:{_SECRET}".encode()).decode()},
    ],
    ids=[
        "none",
        "wrong secret",
        "wrong id",
        "no secret",
        "another scheme",
        "not base64",
        "no colon",
        "not form-encoded",
    ],
)
def test_invalid_client(headers: dict[str, str]) -> None:
    """Whoever can't authenticate gets 401, the scheme to use, and no token."""
    with _server() as server:
        answer = _ask(server, headers=headers)
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert server.requests() == {"invalid_client": 1}
        assert server.tokens.issued() == ()


def test_credentials_in_the_body_are_refused() -> None:
    """They neither authenticate by themselves nor may they come beside the header."""
    with _server() as server:
        form = {**_FORM, "client_id": _ID, "client_secret": _SECRET}
        alone = _ask(server, form, headers={})
        assert (alone.status, alone.json["error"]) == (401, "invalid_client")
        beside = _ask(server, form)
        assert (beside.status, beside.json["error"]) == (400, "invalid_request")
        assert server.minted == 0


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "made.up:read"}, "invalid_request"),
        ({"grant_type": "", "scope": "made.up:read"}, "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({**_FORM, "scope": "made.up:more"}, "invalid_scope"),
        ("x" * 70_000, "invalid_request"),
    ],
    ids=[
        "no grant type",
        "empty grant type",
        "twice",
        "another grant",
        "no such scope",
        "too large",
    ],
)
def test_wrong_request(form: Mapping[str, str] | str, error: str) -> None:
    """Each mistake gets 400 with the error code that the RFC gives it."""
    with _server() as server:
        answer = _ask(server, form)
        assert (answer.status, answer.json["error"]) == (400, error)
        assert server.requests() == {error: 1}


def test_body_must_be_a_form() -> None:
    """JSON is refused."""
    with _server() as server:
        headers = {**_basic(), "Content-Type": "application/json"}
        answer = _ask(server, json.dumps(_FORM), headers)
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def test_other_paths_and_methods() -> None:
    """There is one endpoint, and it is posted to."""
    with _server() as server:
        assert _ask(server, path="/oauth2/other").status == 404
        assert _ask(server, method="GET").status == 405
        assert server.requests() == {"not_found": 1, "method_not_allowed": 1}


def test_secrets_are_not_shown() -> None:
    """What the server says of itself and of its clients holds no secret and no token."""
    with _server() as server:
        token = _ask(server).json["access_token"]
        shown = repr([vars(server), server.requests(), server.tokens.issued()])
        assert _SECRET not in shown
        assert token not in repr(server.tokens.issued())


def test_token_opens_the_event_server() -> None:
    """Both servers share a book: what one mints the other takes, until it is revoked."""
    scope = "subscription.handset_details:read"
    with EventServer(auth=AuthMode.PRODUCTION) as events, TokenServer(events.tokens) as tokens:
        tokens.register(_ID, _SECRET, {scope})
        credentials = ClientCredentials(_ID, _SECRET)
        minted = OAuthTokenEndpoint(Endpoint.parse(tokens.endpoint)).mint(
            credentials, scope, timeout_seconds=30
        )
        with grpc.insecure_channel(events.target) as channel:
            stub = SubscriptionEventServiceStub(channel)
            metadata = (("authorization", f"Bearer {minted.value}"),)
            stub.AckHandsetChangeEvent(AckHandsetChangeEventRequest(), metadata=metadata)
            tokens.tokens.revoke_all()
            with pytest.raises(grpc.RpcError) as refused:
                stub.AckHandsetChangeEvent(AckHandsetChangeEventRequest(), metadata=metadata)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_many_at_once() -> None:
    """Concurrent requests are all answered, and all counted."""
    with _server() as server:
        threads = [threading.Thread(target=_ask, args=(server,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.minted == len(server.tokens.issued()) == 20


# --- Faults: each strikes, and is counted as having struck. ---


@pytest.mark.parametrize(
    ("fault", "headers"),
    [
        (TokenFault(status=429, headers=(("Retry-After", "3"),)), {"Retry-After": "3"}),
        (TokenFault(status=500, body=b"<html>", content_type="text/html"), {}),
        (TokenFault(status=200, body=b"", content_type="text/html"), {}),
        (TokenFault(status=302, headers=(("Location", "/made-up"),)), {"Location": "/made-up"}),
    ],
    ids=["rate limit", "HTML", "empty", "redirect"],
)
def test_answer_in_place_of_the_truth(fault: TokenFault, headers: dict[str, str]) -> None:
    """Any answer can be given, once; it mints nothing."""
    with _server() as server:
        server.faults.inject(fault, times=1)
        answer = _ask(server)
        assert (answer.status, answer.body) == (fault.status, fault.body)
        assert answer.headers["Content-Type"] == fault.content_type
        assert answer.headers.items() >= headers.items()
        assert server.requests() == {"injected": 1}
        assert server.faults.struck(fault) == 1
        assert _ask(server).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_in": "3599"},
        {"expires_in": 0},
        {"expires_in": -1},
        {"access_token": "made\nup"},
        {"access_token": "x" * 9 * 1024},
        {"token_type": "mac"},
    ],
    ids=lambda fields: repr(fields)[:40],
)
def test_field_of_a_good_answer_is_changed(fields: dict[str, Any]) -> None:
    """Single fields can be overridden; the others stay."""
    fault = TokenFault(fields=tuple(fields.items()))
    with _server() as server:
        server.faults.inject(fault, times=1)
        answer = _ask(server)
        assert answer.status == 200
        assert answer.json.items() >= fields.items()
        assert answer.json.keys() == {"access_token", "expires_in", "scope", "token_type"}
        assert server.faults.struck(fault) == 1


def test_field_of_a_good_answer_is_missing() -> None:
    """Single fields can be left out."""
    fault = TokenFault(omitted=frozenset({"expires_in"}))
    with _server() as server:
        server.faults.inject(fault, times=1)
        assert _ask(server).json.keys() == {"access_token", "scope", "token_type"}
        assert server.faults.struck(fault) == 1


def test_dripping_answer_is_whole_in_the_end() -> None:
    """A client that is patient enough gets all of the answer."""
    fault = TokenFault(drip=timedelta(milliseconds=1))
    with _server() as server:
        server.faults.inject(fault)
        assert "access_token" in _ask(server).json
        assert server.faults.struck(fault) == 1


def test_dripping_answer_comes_byte_by_byte() -> None:
    """The first byte is there, and the second is not, so that a time-out of one read is no help."""
    with _server() as server:
        server.faults.inject(TokenFault(drip=timedelta(hours=1)))
        address = ("127.0.0.1", server.port)
        with socket.create_connection(address, timeout=_TIMEOUT_SECONDS) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert connection.recv(1024) == b"H"


def test_delayed_answer() -> None:
    """A client with less patience than the delay gives up; nothing was minted by then."""
    fault = TokenFault(delay=timedelta(hours=1))
    with _server() as server:
        server.faults.inject(fault)
        with pytest.raises(TimeoutError):
            _ask(server, timeout_seconds=0.1)
        assert server.minted == 0
        assert server.faults.struck(fault) == 1


@pytest.mark.parametrize(
    "fault",
    [
        TokenFault(delay=timedelta(hours=1)),
        TokenFault(is_unanswered=True),
        TokenFault(drip=timedelta(hours=1)),
    ],
    ids=["delayed", "unanswered", "dripping"],
)
def test_stop_ends_faults_that_wait(fault: TokenFault) -> None:
    """A stop ends them at once: the client sees its connection end, and no thread is left."""
    ended: list[type[Exception]] = []

    def ask() -> None:
        try:
            _ask(server, timeout_seconds=60)
        except (http.client.HTTPException, ConnectionError) as error:
            ended.append(type(error))

    before = set(threading.enumerate())
    with _server() as server:
        server.faults.inject(fault)
        asking = threading.Thread(target=ask)
        asking.start()
        while not server.faults.struck(fault):
            threading.Event().wait(0.01)
    asking.join(_TIMEOUT_SECONDS)
    assert len(ended) == 1
    assert set(threading.enumerate()) <= before


def test_stop_ends_a_client_that_says_nothing() -> None:
    """A connection without a request does not keep the server from stopping."""
    with _server() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_SECONDS)
        connection.connect()
        _ask(server)
    assert connection.sock.recv(1) == b""
    connection.close()
