"""The token server answers as RFC 6749 has it, seen through plain HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import grpc
import pytest

from simulator.event_server import AuthMode, EventServer
from simulator.token_ledger import TokenLedger
from simulator.token_server import TokenFault, TokenServer
from wgtwo.subscription.v1.subscription_events_pb2 import AckHandsetChangeEventRequest
from wgtwo.subscription.v1.subscription_events_pb2_grpc import SubscriptionEventServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ID: Final = "made up:id/é"
_SECRET: Final = "made+up %secret: ü"
_READ: Final = "made.up:read"
_BOTH: Final = f"{_READ} made.up:write"
_MORE: Final = f"{_READ} made.up:more"
_HOUR: Final = timedelta(hours=1)
_TIMEOUT_SECONDS: Final = 10


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.json["error"]


def _basic(client_id: str = _ID, secret: str = _SECRET) -> dict[str, str]:
    return _encoded(f"{quote_plus(client_id)}:{quote_plus(secret)}")


def _encoded(pair: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _form(scope: str = _READ, **more: str) -> str:
    return urlencode({"grant_type": "client_credentials", "scope": scope} | more)


def _ask(
    server: TokenServer,
    form: str = _form(),
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    path: str | None = None,
    seconds: float = _TIMEOUT_SECONDS,
) -> _Answer:
    """Ask for a token; by default in the right way."""
    url = urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=seconds)
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(
            method,
            path or url.path,
            form,
            form_type | {**(_basic() if headers is None else headers)},
        )
        response = connection.getresponse()
        return _Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """Serve tokens to a client that has two scopes."""
    with TokenServer() as server:
        server.register(_ID, _SECRET, _BOTH.split())
        yield server


@pytest.mark.parametrize(
    ("asked", "narrows", "granted"),
    [(_BOTH, True, _BOTH), (_MORE, True, _READ), ("", True, ""), (_BOTH, False, _BOTH)],
)
def test_good_answer(server: TokenServer, asked: str, granted: str, *, narrows: bool) -> None:
    """A client that authenticates by HTTP Basic gets a token that the ledger knows."""
    server.narrows = narrows
    answer = _ask(server, _form(asked))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("application/json")
    token = answer.json["access_token"]
    rest = {"expires_in": 3599, "scope": granted, "token_type": "bearer"}
    assert answer.json == rest | {"access_token": token}
    grant = server.tokens.check(token)
    assert grant is not None
    assert grant.client_id == _ID
    assert grant.scopes == {*granted.split()}
    assert server.requests() == {"minted": server.minted} == {"minted": 1}
    shown = repr([vars(server), server.requests(), server.tokens.issued()])
    assert _SECRET not in shown
    assert token not in repr(server.tokens.issued())


@pytest.mark.parametrize("asked", [_MORE, "made.up:more"])
def test_one_scope_too_many_is_refused(server: TokenServer, asked: str) -> None:
    """A server that doesn't narrow rejects the whole request."""
    server.narrows = False
    assert _ask(server, _form(asked)).error == (400, "invalid_scope")
    assert server.tokens.issued() == ()


def test_lifetime() -> None:
    """A token is valid for as long as the answer says, and no longer."""
    now = 0.0
    with TokenServer(TokenLedger(lambda: now), lifetime=timedelta(seconds=7)) as server:
        server.register(_ID, _SECRET, [_READ])
        answer = _ask(server).json
        assert answer["expires_in"] == 7
        for now, is_valid in ((6.9, True), (7.0, False)):  # noqa: B007 - the ledger's clock
            assert (server.tokens.check(answer["access_token"]) is not None) is is_valid


@pytest.mark.parametrize(
    ("form", "headers", "error"),
    [
        *(
            (_form(), headers, (401, "invalid_client"))
            for headers in (
                {},
                _basic(secret="made-up-another"),
                _basic(client_id="another"),
                _basic(secret=""),
                {"Authorization": "Bearer made-up"},
                {"Authorization": "Basic not-base64"},
                _encoded("no colon"),
                _encoded(f"{_ID}:{_SECRET}"),
            )
        ),
        # Credentials in the body: neither alone nor beside the header.
        (_form(client_id=_ID, client_secret=_SECRET), {}, (401, "invalid_client")),
        (_form(client_id=_ID, client_secret=_SECRET), None, (400, "invalid_request")),
        ("scope=made.up:read", None, (400, "invalid_request")),
        ("grant_type=&scope=made.up:read", None, (400, "invalid_request")),
        (f"{_form()}&{_form()}", None, (400, "invalid_request")),
        ("x" * 70_000, None, (400, "invalid_request")),
        ("{}", _basic() | {"Content-Type": "application/json"}, (400, "invalid_request")),
        ("grant_type=password", None, (400, "unsupported_grant_type")),
        (_form("made.up:more"), None, (400, "invalid_scope")),
    ],
    ids=repr,
)
def test_wrong_request(
    server: TokenServer, form: str, headers: dict[str, str] | None, error: tuple[int, str]
) -> None:
    """Each mistake gets the error that the RFC gives it, and no token."""
    answer = _ask(server, form, headers)
    assert answer.error == error
    assert answer.headers.get("WWW-Authenticate", "").startswith("Basic") is (error[0] == 401)
    assert server.requests() == {error[1]: 1}
    assert server.tokens.issued() == ()


def test_other_paths_and_methods(server: TokenServer) -> None:
    """There is one endpoint, and it takes POST only."""
    assert _ask(server, path="/oauth2/other").status == 404
    assert _ask(server, method="GET").status == 405
    assert server.requests() == {"not_found": 1, "method_not_allowed": 1}


def test_token_opens_the_event_server() -> None:
    """Both servers share a ledger: a minted token is accepted until it is revoked."""
    scope = "subscription.handset_details:read"
    with EventServer(auth=AuthMode.PRODUCTION) as events, TokenServer(events.tokens) as tokens:
        tokens.register(_ID, _SECRET, {scope})
        token = _ask(tokens, _form(scope)).json["access_token"]
        with grpc.insecure_channel(events.target) as channel:
            stub = SubscriptionEventServiceStub(channel)
            metadata = (("authorization", f"Bearer {token}"),)
            stub.AckHandsetChangeEvent(AckHandsetChangeEventRequest(), metadata=metadata)
            tokens.tokens.revoke_all()
            with pytest.raises(grpc.RpcError) as refused:
                stub.AckHandsetChangeEvent(AckHandsetChangeEventRequest(), metadata=metadata)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "fault",
    [TokenFault(delay=_HOUR), TokenFault(is_unanswered=True), TokenFault(drip=_HOUR)],
    ids=["delayed", "unanswered", "dripping"],
)
def test_stop_ends_connections_that_wait(fault: TokenFault) -> None:
    """Clients see their connections end at once, those that say nothing too; no thread is left."""
    before = {*threading.enumerate()}
    with ThreadPoolExecutor(1) as threads:
        with TokenServer() as server:
            server.faults.inject(fault)
            silent = socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_SECONDS)
            asking = threads.submit(_ask, server, seconds=60)
            while not server.faults.struck(fault):
                threading.Event().wait(0.01)
        assert isinstance(
            asking.exception(_TIMEOUT_SECONDS), http.client.HTTPException | ConnectionError
        )
    with silent:
        assert silent.recv(1) == b""
    assert {*threading.enumerate()} <= before
