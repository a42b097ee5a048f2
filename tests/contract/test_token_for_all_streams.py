"""Token caches before a token server, by HTTP: one token for all streams of a stack."""

from __future__ import annotations

import pytest

from eventdrain.adapters.oauth import OAuthTokenEndpoint, token_endpoint
from eventdrain.auth import TokenCache
from eventdrain.errors import ScopeRefused
from eventdrain.ports import ClientCredentials
from eventdrain.settings import Endpoint
from simulator.token_server import TokenFault, TokenServer
from tests.fakes import FakeSecretStore
from tests.unit.token_caching import FIRST, NONE, SCOPES, settings

CLIENT = ClientCredentials("made-up-id", "made-up-secret")
GRANTED = frozenset({*SCOPES} - {FIRST})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rejected requests follow each other at once."""
    monkeypatch.setattr(token_endpoint, "_PAUSE_SECONDS", 0.0)


def tokens_of_all_streams(server: TokenServer, granted: frozenset[str]) -> list[str]:
    """Run over each stream, of which only those fail whose scope is not granted."""
    server.register(CLIENT.client_id, CLIENT.client_secret, granted)
    secrets, tokens = FakeSecretStore(), []
    for scope in (*SCOPES, NONE):
        endpoint = OAuthTokenEndpoint(Endpoint.parse(server.endpoint), CLIENT)
        every = (*SCOPES, NONE)
        run = TokenCache(settings(scope, every), secrets, endpoint, lambda: 60.0)
        if scope in {*granted, NONE}:
            tokens.append(run.token())
            grant = server.tokens.check(tokens[-1])
            assert grant is not None
            assert grant.scopes >= {scope} - {NONE}
        else:
            with pytest.raises(ScopeRefused, match=scope):
                run.token()
    return tokens


@pytest.mark.parametrize(
    ("narrows", "requests"),
    [(True, {"minted": 1}), (False, {"invalid_scope": 2, "minted": len(GRANTED) + 1})],
    ids=["grants fewer", "rejects the whole"],
)
def test_missing_scope_fails_alone(requests: dict[str, int], *, narrows: bool) -> None:
    """One stream fails, and the others share a token with just their scopes."""
    with TokenServer(narrows=narrows) as server:
        (token,) = {*tokens_of_all_streams(server, GRANTED)}
        grant = server.tokens.check(token)
        assert grant is not None
        assert grant.scopes == GRANTED
        assert server.requests() == requests


@pytest.mark.parametrize("narrows", [True, False])
def test_only_the_stream_without_a_scope_goes_on(*, narrows: bool) -> None:
    """A client without any scope reads the stream that needs none; the others fail."""
    with TokenServer(narrows=narrows) as server:
        assert len(tokens_of_all_streams(server, frozenset())) == 1


def test_rate_limit_stops_no_stream() -> None:
    """The first run is rate limited after the token for its own scope, and all others go on."""
    with TokenServer(narrows=False) as server:
        server.faults.inject(TokenFault(status=429), times=3, skip=2)
        assert len(tokens_of_all_streams(server, GRANTED)) == len(GRANTED) + 1
        assert server.requests()["injected"] == 3
