"""The token server answers as specified in RFC 6749, tested over plain HTTP."""

from __future__ import annotations

import base64
import http.client
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import pytest

from simulator.token_ledger import TokenLedger
from simulator.token_server import TokenServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ID: Final = "made up:id/é"
_SECRET: Final = "made+up %secret: ü"
_READ: Final = "made.up:read"
_BOTH: Final = f"{_READ} made.up:write"
_MORE: Final = f"{_READ} made.up:more"
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
) -> _Answer:
    """Request a token, by default with a valid request."""
    url = urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS)
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(
            "POST",
            url.path,
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
    """Each invalid request is answered with the RFC's error, and no token."""
    answer = _ask(server, form, headers)
    assert answer.error == error
    assert answer.headers.get("WWW-Authenticate", "").startswith("Basic") is (error[0] == 401)
    assert server.requests() == {error[1]: 1}
    assert server.tokens.issued() == ()
