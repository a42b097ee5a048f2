"""The keeper of tokens before a token server, by HTTP: one token for all streams of a stack."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

import pytest

from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.auth import TokenCache
from eventdrain.errors import ScopeRefused, TokenRefused
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint
from simulator.token_server import TokenFault, TokenServer
from tests.fakes import FakeSecretStore

SCOPES: Final = tuple(stream.scope for stream in STREAMS.values())
MISSING: Final = STREAMS["first_attachment"].scope
GRANTED: Final = frozenset({*SCOPES} - {"", MISSING})
_ID: Final = "made-up-id"
_SECRET: Final = "made-up-secret"


def keeper(server: TokenServer, secrets: FakeSecretStore, scope: str) -> TokenCache:
    """Make the keeper of one stream's run; the first leads. It does not wait between its calls."""
    return TokenCache(
        secrets=secrets,
        endpoint=OAuthTokenEndpoint(Endpoint.parse(server.endpoint)),
        credentials_arn="arn:credentials",
        token_arn="arn:token",
        scopes=SCOPES,
        scope=scope,
        renews_early=scope == SCOPES[0],
        needed_for=timedelta(minutes=4),
        seconds_left=lambda: 60.0,
        sleep=lambda _: None,
    )


def store() -> FakeSecretStore:
    """Make a store with the credentials of the server's client."""
    credentials = {"client_id": _ID, "client_secret": _SECRET}
    return FakeSecretStore({"arn:credentials": json.dumps(credentials)})


@pytest.mark.parametrize(
    ("narrows", "requests"),
    [
        pytest.param(True, {"minted": 1}, id="grants fewer"),
        # The scopes together and the missing one are refused; the others are minted alone, then as
        # one.
        pytest.param(
            False, {"invalid_scope": 2, "minted": len(GRANTED) + 1}, id="refuses the whole"
        ),
    ],
)
def test_missing_scope_fails_alone(requests: dict[str, int], *, narrows: bool) -> None:
    """One stream fails and four share a token with just their scopes."""
    secrets = store()
    with TokenServer(narrows=narrows) as server:
        server.register(_ID, _SECRET, GRANTED)
        tokens = set()
        for event_type, stream in STREAMS.items():
            run = keeper(server, secrets, stream.scope)
            if event_type == "first_attachment":
                with pytest.raises(ScopeRefused, match=MISSING):
                    run.token()
            else:
                tokens.add(run.token())
        (token,) = tokens
        grant = server.tokens.check(token)
        assert grant is not None
        assert grant.scopes == GRANTED
        assert server.requests() == requests


@pytest.mark.parametrize("event_type", [*STREAMS][1:])
def test_run_that_does_not_lead_asks_for_itself(event_type: str) -> None:
    """Before the leader, it asks for all and, refused, for its own: that is granted, or named."""
    secrets, scope = store(), STREAMS[event_type].scope
    with TokenServer(narrows=False) as server:
        server.register(_ID, _SECRET, GRANTED)
        run = keeper(server, secrets, scope)
        if scope == MISSING:
            with pytest.raises(ScopeRefused, match=MISSING):
                run.token()
            assert server.requests() == {"invalid_scope": 2}
        else:
            grant = server.tokens.check(run.token())
            assert grant is not None
            assert grant.scopes == {scope} - {""}
            assert server.requests() == {"invalid_scope": 1, "minted": 1}
    assert secrets.writes == []


def test_rate_limit_stops_no_stream() -> None:
    """Asked too often while a scope is missing, the leader goes on, and so do the others."""
    secrets = store()
    with TokenServer(narrows=False) as server:
        server.register(_ID, _SECRET, GRANTED)
        too_often = TokenFault(status=429)
        server.faults.inject(too_often, times=3, skip=5)  # after all together and four alone
        for event_type, stream in STREAMS.items():
            run = keeper(server, secrets, stream.scope)
            if event_type == "first_attachment":
                with pytest.raises(ScopeRefused, match=MISSING):
                    run.token()
            else:
                grant = server.tokens.check(run.token())
                assert grant is not None
                assert grant.scopes >= {stream.scope} - {""}
        assert server.requests() == {"injected": 3, "invalid_scope": 2, "minted": 5}


@pytest.mark.parametrize("narrows", [True, False])
def test_only_the_stream_without_a_scope_goes_on(*, narrows: bool) -> None:
    """A client that may have nothing reads the stream that needs nothing; the others fail."""
    secrets = store()
    with TokenServer(narrows=narrows) as server:
        server.register(_ID, _SECRET)
        for stream in STREAMS.values():
            run = keeper(server, secrets, stream.scope)
            if stream.scope:
                with pytest.raises(ScopeRefused, match=stream.scope):
                    run.token()
            else:
                assert server.tokens.check(run.token()) is not None
        asked = ["together", *GRANTED, MISSING]
        assert server.requests() == {"invalid_scope": len(asked), "minted": 1}


def test_client_that_is_refused_asks_once() -> None:
    """No scope is asked for alone where the endpoint does not know the client."""
    with TokenServer(narrows=False) as server:
        with pytest.raises(TokenRefused, match="invalid_client"):
            keeper(server, store(), MISSING).token()
        assert server.requests() == {"invalid_client": 1}
