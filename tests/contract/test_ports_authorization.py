"""The contract of ``ports.Authorization``: the token cache, a static token, and the fake."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.auth import StaticToken
from eventdrain.errors import TokenUnavailable
from tests.fakes import FakeAuthorization, FakeTokenEndpoint
from tests.unit.token_caching import cache, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.ports import AccessToken, Authorization

_CALLERS: Final = 8


class _SlowEndpoint(FakeTokenEndpoint):
    """Gives other threads time to run."""

    def mint(self, scope: str, *, timeout_seconds: float) -> AccessToken:
        """See ``ports.TokenEndpoint``."""
        time.sleep(0.01)
        return super().mint(scope, timeout_seconds=timeout_seconds)


def _failing_cache() -> Authorization:
    """Return a token cache with a token, whose endpoint mints no other."""
    endpoint = FakeTokenEndpoint()
    run = cache(store(), endpoint)
    run.token()
    endpoint.error = TokenUnavailable("made up")
    return run


renewable: Final = pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(FakeAuthorization, id="fake"),
        pytest.param(lambda: cache(store(), _SlowEndpoint()), id="cache"),
    ],
)


@renewable
def test_rejected_token_is_replaced_once(authorization: Callable[[], Authorization]) -> None:
    """A token is replaced once; a caller whose first token is rejected later gets the second."""
    run = authorization()
    first = run.token()
    assert first == run.token()
    assert run.renew(first)
    second = run.token()
    assert second not in {None, first}
    assert run.renew(first)
    assert not run.renew(second)
    assert run.token() == second


@renewable
def test_callers_that_are_rejected_at_once(authorization: Callable[[], Authorization]) -> None:
    """All threads get the one new token."""
    run = authorization()
    first = run.token()
    together = Barrier(_CALLERS)

    def renew(_: int) -> tuple[bool, str | None]:
        together.wait(10)
        return run.renew(first), run.token()

    with ThreadPoolExecutor(_CALLERS) as threads:
        answers = {*threads.map(renew, range(_CALLERS))}
    assert answers == {(True, run.token())}
    assert run.token() != first


@pytest.mark.parametrize(
    "run", [FakeAuthorization(renewed=None), StaticToken("made-up"), StaticToken()]
)
def test_nothing_to_renew_with(run: Authorization) -> None:
    """A token that can't be replaced stays."""
    given = run.token()
    assert not run.renew(given)
    assert run.token() == given


@pytest.mark.parametrize(
    "run", [FakeAuthorization(error=TokenUnavailable("made up")), _failing_cache()]
)
def test_endpoint_that_mints_no_other(run: Authorization) -> None:
    """The endpoint's error is raised, once: there is no second renewal in a run."""
    first = run.token()
    with pytest.raises(TokenUnavailable):
        run.renew(first)
    assert not run.renew(first)
    assert run.token() == first
