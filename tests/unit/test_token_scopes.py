"""One token for all streams of a stack: which scopes are requested, and which run fails."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.auth import mint
from eventdrain.errors import ScopeRefused, TokenError, TokenRefused, TokenUnavailable
from tests.granting_endpoint import GrantingEndpoint
from tests.unit.token_caching import (
    CACHED,
    COUNTRY,
    FIRST,
    HANDSET,
    NEEDED,
    NONE,
    PERIODIC,
    SCOPES,
    cache,
    cached_in,
    content,
    store,
)

if TYPE_CHECKING:
    from tests.fakes import FakeSecretStore

EVERY: Final = (*SCOPES, NONE)
ALL: Final = " ".join(SCOPES)
MISSING: Final = FIRST
GRANTED: Final = frozenset({*SCOPES} - {MISSING})
TOGETHER: Final = " ".join(sorted(GRANTED))


def token_or_error(secrets: FakeSecretStore, endpoint: GrantingEndpoint, scope: str) -> str:
    """Return the token of a run over one stream, or the name of its error."""
    try:
        return cache(secrets, endpoint, scope, scopes=EVERY).token()
    except TokenError as error:
        return type(error).__name__


# --- The stack ---


@pytest.mark.parametrize("narrows", [True, False], ids=["grants fewer", "rejects the whole"])
@pytest.mark.parametrize("first", EVERY)
def test_missing_scope_fails_alone(first: str, *, narrows: bool) -> None:
    """Only runs whose scope is missing fail; the others share one token."""
    secrets, endpoint = store(), GrantingEndpoint(granted=GRANTED, narrows=narrows)
    order = (first, *(scope for scope in EVERY if scope != first))

    results = {scope: token_or_error(secrets, endpoint, scope) for scope in order}

    assert results.pop(MISSING) == "ScopeRefused"
    assert len({*results.values()}) == 1
    assert cached_in(secrets)["access_token"] in results.values()
    # All together; if that is rejected, each alone, and all that are granted together.
    calls = 1 if narrows else 1 + len(SCOPES) + 1
    # A run whose own scope is refused asks for no other.
    calls += 2 if first == MISSING and not narrows else 0
    assert len(endpoint.asked) == calls
    assert len(secrets.writes) == 1


def test_missing_scope_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The error names scope, endpoint, hint and time, a warning the scope; neither has secrets."""
    caplog.set_level(logging.DEBUG)
    endpoint = GrantingEndpoint(granted=GRANTED)

    with pytest.raises(ScopeRefused) as caught:
        cache(store(), endpoint, MISSING, scopes=EVERY).token()

    error = str(caught.value)
    for part in (MISSING, endpoint.url, "portal", "next token, by 2026-03-01 13:00 UTC"):
        assert part in error
    assert COUNTRY not in error
    assert caplog.records[-1].getMessage().endswith(f"requested: {MISSING}")
    for secret in ("made-up-secret", "minted-"):
        assert secret not in error + caplog.text


def test_scope_that_is_granted_later() -> None:
    """A new scope takes effect with the next token."""
    secrets, endpoint = store(), GrantingEndpoint(granted=GRANTED, lifetime=NEEDED)
    token_or_error(secrets, endpoint, HANDSET)
    endpoint.granted = frozenset(SCOPES)

    assert token_or_error(secrets, endpoint, MISSING) == "ScopeRefused"
    endpoint.now += NEEDED
    assert token_or_error(secrets, endpoint, MISSING) == "minted-2"


def test_scope_that_is_lost_meanwhile() -> None:
    """A new token without the run's scope ends that run; the others use it."""
    secrets = store(content(requested=SCOPES))
    endpoint = GrantingEndpoint(granted=GRANTED)
    run = cache(secrets, endpoint, MISSING, scopes=EVERY)

    with pytest.raises(ScopeRefused, match=MISSING):
        run.renew(run.token())

    assert token_or_error(secrets, endpoint, HANDSET) == "minted-1"


@pytest.mark.parametrize("answers", range(2, 6))
def test_rate_limit_stops_no_stream(answers: int) -> None:
    """A run that is interrupted uses the token for its own scope, and caches none for others."""
    secrets = store()
    for scope in EVERY:
        endpoint = GrantingEndpoint(granted=GRANTED, narrows=False, answers=answers)
        expected = "ScopeRefused" if scope == MISSING else "minted-2"
        assert token_or_error(secrets, endpoint, scope) == expected
    assert secrets.writes == []


# --- Requests ---


@pytest.mark.parametrize(
    ("granted", "needed", "requested"),
    [
        pytest.param(SCOPES, HANDSET, [ALL], id="all"),
        pytest.param(GRANTED, HANDSET, [ALL, HANDSET, COUNTRY, FIRST, PERIODIC, TOGETHER], id="3"),
        pytest.param(GRANTED, MISSING, [ALL, MISSING], id="needed scope missing"),
        pytest.param(GRANTED, NONE, [ALL, *SCOPES, TOGETHER], id="none needed"),
        pytest.param((HANDSET,), HANDSET, [ALL, HANDSET, COUNTRY, FIRST, PERIODIC], id="one"),
        pytest.param((), NONE, [ALL, *SCOPES, NONE], id="nothing granted, none needed"),
    ],
)
def test_requests_to_an_endpoint_that_rejects_the_whole(
    granted: tuple[str, ...], needed: str, requested: list[str]
) -> None:
    """The needed scope comes first, then each of the others, then all granted ones together."""
    endpoint = GrantingEndpoint(granted=frozenset(granted), narrows=False)

    if needed in {*granted, NONE}:
        token, is_complete = mint(endpoint, SCOPES, needed=needed, seconds=30)
        assert is_complete
        assert {*token.scopes} == {*granted}
    else:
        with pytest.raises(ScopeRefused, match=needed):
            mint(endpoint, SCOPES, needed=needed, seconds=30)
    assert endpoint.asked == requested


@pytest.mark.parametrize(
    ("endpoint", "scopes", "error"),
    [
        # If a single scope is refused, no other request would help.
        (GrantingEndpoint(narrows=False, most=-1), (HANDSET,), ScopeRefused),
        (GrantingEndpoint(narrows=False, most=-1), (), ScopeRefused),
        # An endpoint that rejects the client, or is down, is not asked for each scope.
        (GrantingEndpoint(error=TokenRefused("made up")), SCOPES, TokenRefused),
        (GrantingEndpoint(error=TokenUnavailable("made up")), SCOPES, TokenUnavailable),
    ],
)
def test_request_that_is_the_last(
    endpoint: GrantingEndpoint, scopes: tuple[str, ...], error: type[TokenError]
) -> None:
    """No further request is made if it would not help."""
    with pytest.raises(error):
        mint(endpoint, scopes, needed=scopes[0] if scopes else NONE, seconds=30)
    assert endpoint.asked == [" ".join(scopes)]


@pytest.mark.parametrize("needed", [HANDSET, NONE])
def test_interrupted_without_a_token(needed: str) -> None:
    """The error is the retryable one."""
    endpoint = GrantingEndpoint(granted=GRANTED, narrows=False, answers=1)
    with pytest.raises(TokenUnavailable, match="429"):
        mint(endpoint, SCOPES, needed=needed, seconds=30)


def test_endpoint_that_grants_scopes_one_by_one_only() -> None:
    """The token for the needed scope is usable, but not for the other streams."""
    endpoint = GrantingEndpoint(granted=frozenset(SCOPES), narrows=False, most=1)

    token, is_complete = mint(endpoint, SCOPES, needed=HANDSET, seconds=30)

    assert (token.scopes, is_complete) == ((HANDSET,), False)


def test_early_renewal_that_allows_less_is_not_used() -> None:
    """The cached token serves on for all runs, and the failed renewal is counted."""
    secrets = store(content(NEEDED + timedelta(minutes=1), requested=SCOPES))
    run = cache(secrets, GrantingEndpoint(granted=GRANTED), MISSING, scopes=EVERY)

    assert (run.token(), run.renewals_failed, secrets.writes) == (CACHED, 1, [])


def test_token_that_is_not_for_all_streams_is_counted() -> None:
    """If no token can be shared, each run says so: the endpoint is asked too often."""
    secrets = store()
    endpoint = GrantingEndpoint(granted=frozenset(SCOPES), narrows=False, most=1)
    run = cache(secrets, endpoint, HANDSET, scopes=EVERY)

    assert (run.token(), run.renewals_failed, secrets.writes) == ("minted-2", 1, [])


def test_requests_for_other_scopes_take_half_of_the_time() -> None:
    """An endpoint that hangs leaves time for the run's own stream."""
    endpoint = GrantingEndpoint(granted=GRANTED, narrows=False)
    mint(endpoint, SCOPES, needed=HANDSET, seconds=40)

    assert endpoint.timeouts == pytest.approx([40.0, 40.0, 20.0, 20.0, 20.0, 20.0], abs=0.1)
