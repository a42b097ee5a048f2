from __future__ import annotations

import json
import logging
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from eventdrain.auth import from_json
from eventdrain.errors import CredentialsError, TokenUnavailable
from eventdrain.ports import AccessToken
from tests.fakes import NOW, FakeTokenEndpoint
from tests.unit.token_caching import (
    CACHED,
    COUNTRY,
    HANDSET,
    LIFETIME,
    NEEDED,
    NONE,
    SCOPES,
    SECRET,
    cache,
    cached_in,
    content,
    store,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


# --- The cached token ---


@pytest.mark.parametrize(
    ("cached", "expected"),
    [
        (content(NEEDED), CACHED),
        (content(NEEDED - SECOND), "minted-1"),
        (content(-LIFETIME), "minted-1"),
        (content(expires_at=(NOW + NEEDED).isoformat().replace("+00:00", "Z")), CACHED),
        (content(minted_at=NOW + MINUTE), CACHED),
        (content(undecided=[]), CACHED),
    ],
    ids=["just", "a second short", "expired", "other time zone", "minted later", "older version"],
)
def test_cached_token_must_outlive_the_window(cached: str, expected: str) -> None:
    """A cached token is used, and nothing written, if it outlives the window by two minutes."""
    secrets, endpoint = store(cached), FakeTokenEndpoint()
    run = cache(secrets, endpoint, draw=lambda: 1.0)

    assert {run.token() for _ in range(3)} == {expected}
    assert secrets.reads == [SECRET]
    assert bool(endpoint.asked) is bool(secrets.writes) is (expected != CACHED)


def changed(name: str, value: object) -> str:
    """Return the content of the token secret with another field."""
    return json.dumps(json.loads(content()) | {name: value})


_FOR = json.loads(content())["minted_for"]


@pytest.mark.parametrize(
    "cached",
    [
        *("", CACHED, json.dumps([CACHED]), json.dumps(CACHED), "null", "{}", '{"a":' * 100_000),
        *(changed("access_token", value) for value in ("", None, 17, [CACHED])),
        *(changed("scopes", value) for value in (None, HANDSET, {HANDSET: 1}, [17], [[HANDSET]])),
        *(
            changed(name, value)
            for name in ("minted_at", "expires_at")
            for value in ("soon", 17, None, "2099-03-01T13:00:00", "9999-12-31T23:59:59-12:00")
        ),
        content(minted_for=None),
        content(undecided=[COUNTRY]),
        *(content(minted_for={**_FOR, name: "another"}) for name in _FOR),
    ],
)
def test_unusable_cached_token_is_replaced(cached: str, caplog: pytest.LogCaptureFixture) -> None:
    """A malformed token, and one of another client, endpoint or set of scopes, is replaced."""
    secrets = store(cached)

    assert cache(secrets, FakeTokenEndpoint()).token() == "minted-1"
    assert cached_in(secrets)["access_token"] == "minted-1"
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert SECRET in warning.getMessage()
    assert CACHED not in caplog.text


def test_unreadable_secret_is_an_error() -> None:
    """The error names the secret; minting instead would go on for every run."""
    secrets = store()
    secrets.unreadable = frozenset({SECRET})

    with pytest.raises(CredentialsError, match=SECRET):
        cache(secrets, FakeTokenEndpoint()).token()


# --- Minting ---


def test_minted_token_is_cached(caplog: pytest.LogCaptureFixture) -> None:
    """The next run uses it. Neither logs nor the secret hold credentials; logs hold no token."""
    caplog.set_level(logging.DEBUG)
    secrets, endpoint = store(), FakeTokenEndpoint()

    assert [cache(secrets, endpoint).token() for _ in range(2)] == ["minted-1"] * 2
    assert endpoint.asked == [HANDSET]
    assert "made-up-secret" not in caplog.text + secrets.contents[SECRET]
    assert "minted-1" not in caplog.text


@pytest.mark.parametrize("lifetime", [None, timedelta(0), NEEDED - SECOND])
def test_token_that_expires_too_soon_for_other_runs(
    lifetime: timedelta | None, caplog: pytest.LogCaptureFixture
) -> None:
    """It serves its run and is not cached; a warning gives its lifetime, and it is counted."""
    secrets, endpoint = store(content(NEEDED)), FakeTokenEndpoint(lifetime=lifetime)
    run = cache(secrets, endpoint)

    assert run.token() == "minted-1"
    assert (secrets.writes, run.tokens_too_short, run.renewals_failed) == ([], 1, 0)
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    seconds = (lifetime or timedelta(0)).total_seconds()
    for part in (endpoint.url, f"after {seconds:.0f} s", "for 360 s", "lower WindowSeconds"):
        assert part in warning.getMessage()


@pytest.mark.parametrize(("seconds_left", "writes"), [(12.0, []), (12.1, [SECRET])])
def test_token_is_cached_only_if_there_is_time(seconds_left: float, writes: list[str]) -> None:
    """Caching may take seconds, and the run takes priority."""
    secrets = store()
    run = cache(secrets, FakeTokenEndpoint(lifetime=NEEDED), seconds_left=seconds_left)

    assert run.token() == "minted-1"
    assert (secrets.writes, run.tokens_too_short) == (writes, 0)


def test_token_that_can_not_be_cached_is_used(caplog: pytest.LogCaptureFixture) -> None:
    """Failing to cache a token is logged and counted, and does not stop the run."""
    secrets = store()
    secrets.unwritable = frozenset({SECRET})
    run = cache(secrets, FakeTokenEndpoint())

    assert run.token() == "minted-1"
    assert run.renewals_failed == 1
    assert SECRET in caplog.text
    assert "minted-1" not in caplog.text


@pytest.mark.parametrize(("left", "expected"), [(12.5, 12.5), (0.0, 0.0), (-1.0, 0.0)])
def test_endpoint_is_waited_for_no_longer_than_the_window(left: float, expected: float) -> None:
    """The endpoint gets the time that is left, and none once it is over."""
    endpoint = FakeTokenEndpoint()
    cache(store(), endpoint, seconds_left=left).token()

    assert endpoint.timeouts == pytest.approx([expected], abs=0.1)


# --- A rejected token ---


@pytest.mark.parametrize("is_readable", [True, False])
def test_renewed_once(*, is_readable: bool) -> None:
    """A rejected token is replaced once in a run, for the runs to come too if they can read it."""
    secrets, endpoint = store(content()), FakeTokenEndpoint()
    run = cache(secrets, endpoint)
    assert run.token() == CACHED
    secrets.unreadable = frozenset() if is_readable else frozenset({SECRET})

    assert run.renew(CACHED)
    assert run.token() == cached_in(secrets)["access_token"] == "minted-1"
    assert run.renew(CACHED), "a caller that was rejected before gets the new token"
    assert not run.renew("minted-1")
    reads = len(secrets.reads)
    assert not run.renew("minted-1"), "others that were rejected need not wait for a secret again"
    assert len(secrets.reads) == reads
    assert run.token() == "minted-1"
    assert len(endpoint.asked) == 1


def test_newer_token_of_another_run_is_taken() -> None:
    """A run mints only if the newer token is rejected too."""
    secrets, endpoint = store(content()), FakeTokenEndpoint()
    run = cache(secrets, endpoint)
    run.token()
    secrets.contents[SECRET] = content(access_token="another")

    assert run.renew(CACHED)
    assert (run.token(), endpoint.asked) == ("another", [])
    assert run.renew("another")
    assert run.token() == "minted-1"
    secrets.contents[SECRET] = content()
    assert not run.renew("minted-1")
    assert len(endpoint.asked) == 1


def test_repr_holds_no_token() -> None:
    """A token that is logged by mistake does not show its value."""
    token = from_json(content(), _FOR)

    assert isinstance(token, AccessToken)
    assert CACHED not in repr(token)


# --- Renewal before the token must be replaced ---


@pytest.mark.parametrize(
    ("lifetime", "lead"),
    [
        (LIFETIME, 10 * MINUTE),
        (timedelta(days=1), 10 * MINUTE),
        (NEEDED + 4 * MINUTE, MINUTE),
        (NEEDED, timedelta(0)),
    ],
)
def test_token_is_renewed_early(lifetime: timedelta, lead: timedelta) -> None:
    """It is renewed in the last quarter of the time in which runs can start, at most 10 minutes."""
    for left, expected in ((NEEDED + lead, CACHED), (NEEDED + lead - SECOND / 2, "minted-1")):
        cached = content(left, lifetime=lifetime)
        assert cache(store(cached), FakeTokenEndpoint()).token() == expected


@pytest.mark.parametrize(("drawn", "renews"), [(0.049, True), (0.05, False)])
def test_one_run_in_all_renews_early(drawn: float, *, renews: bool) -> None:
    """Each of 5 streams' 4 concurrent runs renews with a probability of one to twenty."""
    every = (*SCOPES, NONE)
    secrets = store(content(NEEDED, requested=SCOPES))
    run = cache(secrets, FakeTokenEndpoint(), scopes=every, concurrent_runs=4, draw=lambda: drawn)
    assert (run.token() == "minted-1") is bool(secrets.writes) is renews


def test_cached_token_serves_on_if_it_can_not_be_renewed(caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged and counted; the endpoint had half of the time that was left.

    Without time to cache the new token for other runs, none is minted.
    """
    secrets, endpoint = store(content(NEEDED)), FakeTokenEndpoint(error=TokenUnavailable("made up"))
    assert cache(secrets, endpoint, seconds_left=12.0).token() == CACHED
    assert endpoint.asked == []
    run = cache(secrets, endpoint, seconds_left=100.0)
    assert run.token() == CACHED
    assert (run.renewals_failed, secrets.writes) == (1, [])
    assert endpoint.timeouts == pytest.approx([50.0], abs=0.1)
    assert "made up" in caplog.text
    assert CACHED not in caplog.text


@pytest.mark.parametrize("every", [MINUTE, 5 * MINUTE, 10 * MINUTE])
@pytest.mark.parametrize("concurrent_runs", [1, 8])
@pytest.mark.parametrize("scopes", [(HANDSET,), (*SCOPES, NONE)], ids=["1 stream", "5 streams"])
def test_versions_of_the_secret(
    every: timedelta, concurrent_runs: int, scopes: tuple[str, ...]
) -> None:
    """Fewer than 100 a day, which Secrets Manager keeps, although runs read the secret at once."""
    days, draw = 5, random.Random(1).random  # noqa: S311
    secrets, endpoint = store(), FakeTokenEndpoint()
    settings: dict[str, Any] = {"scopes": scopes, "concurrent_runs": concurrent_runs}

    def run_at_once(runs: tuple[str, ...]) -> None:
        before = dict(secrets.contents)
        written = before
        for scope in runs:
            secrets.contents = dict(before)
            cache(secrets, endpoint, scope, draw=draw, **settings).token()
            written = written if secrets.contents == before else secrets.contents
        secrets.contents = written

    while endpoint.now < NOW + timedelta(days=days):
        run_at_once(scopes)
        # Each run that the schedules start starts the others once it has its token.
        run_at_once(scopes * (concurrent_runs - 1))
        minted_at = datetime.fromisoformat(cached_in(secrets)["minted_at"])
        until_due = minted_at + LIFETIME - NEEDED - 10 * MINUTE - endpoint.now
        endpoint.now += every * max(1, until_due // every)
    assert 24 * days <= len(secrets.writes) < 100 * days
