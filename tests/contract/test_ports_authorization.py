"""The contract of ``ports.Authorization``: the keeper of tokens, no authorization, and the fake."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.auth import NoAuthorization, TokenCache
from eventdrain.errors import TokenUnavailable
from tests.fakes import NOW, FakeAuthorization, FakeSecretStore, FakeTokenEndpoint

if TYPE_CHECKING:
    from eventdrain.ports import Authorization

CALLERS: Final = 8
_CLIENT: Final = json.dumps({"client_id": "made-up-id", "client_secret": "made-up-secret"})
_BARE: Final = json.dumps({"access_token": "made-up-token"})


def _keeper(content: str, endpoint: FakeTokenEndpoint) -> TokenCache:
    return TokenCache(
        secrets=FakeSecretStore({"arn:credentials": content}),
        endpoint=endpoint,
        credentials_arn="arn:credentials",
        token_arn="arn:token",
        scopes=["made.up:read"],
        scope="made.up:read",
        renews_early=False,
        needed_for=timedelta(minutes=4),
        now=lambda: NOW,
        seconds_left=lambda: 30.0,
    )


def renewable(kind: str) -> Authorization:
    """Make one whose token can be renewed."""
    return FakeAuthorization() if kind == "fake" else _keeper(_CLIENT, FakeTokenEndpoint())


def fixed(kind: str) -> Authorization:
    """Make one that has nothing but what it was given."""
    match kind:
        case "fake":
            return FakeAuthorization(renewed=None)
        case "keeper":
            return _keeper(_BARE, FakeTokenEndpoint())
        case _:
            return NoAuthorization()


def failing(kind: str) -> Authorization:
    """Make one that has a token, and whose endpoint gives no other."""
    error = TokenUnavailable("made up")
    if kind == "fake":
        return FakeAuthorization(error=error)
    endpoint = FakeTokenEndpoint()
    keeper = _keeper(_CLIENT, endpoint)
    keeper.token()
    endpoint.error = error
    return keeper


renewing: Final = pytest.mark.parametrize("kind", ["fake", "keeper"])


@renewing
def test_token_stays_the_same(kind: str) -> None:
    """Every call gets the same token, until it is renewed."""
    authorization = renewable(kind)
    assert authorization.token()
    assert len({authorization.token() for _ in range(3)}) == 1


@renewing
def test_rejected_token_is_replaced_once(kind: str) -> None:
    """There is one other token to try; when that is rejected too, there is none."""
    authorization = renewable(kind)
    first = authorization.token()
    assert authorization.renew(first)
    second = authorization.token()
    assert second not in {None, first}
    assert not authorization.renew(second)
    assert authorization.token() == second


@renewing
def test_token_that_was_replaced_already(kind: str) -> None:
    """Who comes late with the old token is told that there is another, and it stays."""
    authorization = renewable(kind)
    first = authorization.token()
    authorization.renew(first)
    second = authorization.token()
    assert authorization.renew(first)
    assert authorization.token() == second


@renewing
def test_callers_that_are_rejected_at_once(kind: str) -> None:
    """All of them get the one new token, from whichever threads they come."""
    authorization = renewable(kind)
    first = authorization.token()
    together = Barrier(CALLERS)

    def renew() -> tuple[bool, str | None]:
        together.wait(10)
        return authorization.renew(first), authorization.token()

    with ThreadPoolExecutor(CALLERS) as threads:
        answers = [call.result() for call in [threads.submit(renew) for _ in range(CALLERS)]]
    assert set(answers) == {(True, authorization.token())}
    assert authorization.token() != first


@pytest.mark.parametrize("kind", ["fake", "keeper", "none"])
def test_nothing_to_renew_with(kind: str) -> None:
    """What was given and can't be replaced stays, and there is no other to try."""
    authorization = fixed(kind)
    given = authorization.token()
    assert not authorization.renew(given)
    assert authorization.token() == given


@renewing
def test_endpoint_that_gives_no_other(kind: str) -> None:
    """It is told by the endpoint's error, once: there is no second renewal in a run."""
    authorization = failing(kind)
    first = authorization.token()
    with pytest.raises(TokenUnavailable):
        authorization.renew(first)
    assert not authorization.renew(first)
    assert authorization.token() == first
