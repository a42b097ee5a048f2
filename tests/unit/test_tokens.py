from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from eventdrain.auth import CachedToken, NoAuthorization
from eventdrain.errors import CredentialsError, TokenRefused, TokenUnavailable
from eventdrain.ports import ClientCredentials
from tests.fakes import NOW, FakeTokenEndpoint
from tests.unit.token_keeping import (
    BARE,
    CREDENTIALS,
    KEPT,
    NEEDED,
    SCOPE,
    TOKEN,
    keeper,
    kept,
    store,
)

if TYPE_CHECKING:
    from eventdrain.errors import TokenError
    from eventdrain.ports import AccessToken

# --- The cached token ---


def test_kept_token_is_used() -> None:
    """A token that an earlier run kept is used as it is: nothing is minted, nothing written."""
    secrets, endpoint = store(token=kept()), FakeTokenEndpoint()

    assert keeper(secrets, endpoint).token() == KEPT
    assert endpoint.asked == []
    assert secrets.writes == []


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(NEEDED, KEPT, id="just enough"),
        pytest.param(NEEDED - timedelta(seconds=1), "minted-1", id="a second short"),
        pytest.param(-timedelta(hours=1), "minted-1", id="expired"),
    ],
)
def test_kept_token_must_outlive_the_window(left: timedelta, expected: str) -> None:
    """A cached token is used only if the window and two minutes more are left of it."""
    assert keeper(store(token=kept(expires_at=NOW + left))).token() == expected


@pytest.mark.parametrize(
    "other",
    [
        {"client_id": "another"},
        {"scope": "another:read"},
        {"token_endpoint": "https://another.example/token"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_token_of_another_is_not_used(other: dict[str, str]) -> None:
    """A token for another client, scope or endpoint is not ours to use."""
    assert keeper(store(token=kept(**other))).token() == "minted-1"


def test_kept_token_of_another_time_zone() -> None:
    """The expiry is a moment, however it is written."""
    expires_at = (NOW + NEEDED).isoformat().replace("+00:00", "Z")

    assert keeper(store(token=kept(expires_at=expires_at))).token() == KEPT


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param(f"{KEPT}", id="bare text"),
        pytest.param(json.dumps([KEPT]), id="a list"),
        pytest.param(json.dumps(KEPT), id="a string"),
        pytest.param("null", id="null"),
        pytest.param("[" * 100_000, id="nested too deeply"),
        pytest.param(json.dumps({"access_token": KEPT}), id="keys missing"),
        pytest.param(kept(expires_at="soon"), id="no time"),
        pytest.param(kept(expires_at="2026-03-01T13:00:00"), id="no time zone"),
        pytest.param(kept(expires_at="9999-12-31T23:59:59-12:00"), id="beyond all time"),
        pytest.param(kept(minted_at="2026-03-01T12:00:00"), id="minted in no time zone"),
        pytest.param(kept(without="minted_at"), id="minted nobody knows when"),
        pytest.param(kept(without="scopes"), id="an older version's"),
        pytest.param(kept(without="undecided"), id="of a version that decided always"),
        pytest.param(kept(undecided=SCOPE), id="undecided scopes are a text"),
        pytest.param(kept(undecided=[17]), id="an undecided scope is a number"),
        pytest.param(kept(scopes=None), id="scopes are null"),
        pytest.param(kept(scopes=SCOPE), id="scopes are a text"),
        pytest.param(kept(scopes={SCOPE: 1}), id="scopes are an object"),
        pytest.param(kept(scopes=[SCOPE, 17]), id="a scope is a number"),
        pytest.param(kept(scopes=[[SCOPE]]), id="a scope is a list"),
        pytest.param(kept().replace('"2026', '2026, "x": "'), id="a number for a time"),
    ],
)
def test_malformed_kept_token_is_replaced(content: str, caplog: pytest.LogCaptureFixture) -> None:
    """A cached token that can't be read is minted anew, and told without what is in it."""
    secrets = store(token=content)

    assert keeper(secrets).token() == "minted-1"
    assert json.loads(secrets.contents[TOKEN])["access_token"] == "minted-1"
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert TOKEN in warnings[0].getMessage()
    assert KEPT not in caplog.text


@pytest.mark.parametrize("value", ["", None, 17, [KEPT]])
def test_kept_value_that_is_no_token_is_replaced(value: object) -> None:
    """A cached token that is empty or no text is minted anew."""
    assert keeper(store(token=kept(value=value))).token() == "minted-1"


# --- Minting ---


def test_minted_token_is_kept() -> None:
    """A minted token is written for the runs to come, which use it."""
    secrets = store()
    endpoint = FakeTokenEndpoint()

    assert keeper(secrets, endpoint).token() == "minted-1"
    assert secrets.writes == [TOKEN]
    assert keeper(secrets, endpoint).token() == "minted-1"
    assert len(endpoint.asked) == 1


def test_asks_for_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """The endpoint is asked by the secret's client for the stream's scope; no log tells either."""
    endpoint = FakeTokenEndpoint()
    caplog.set_level(logging.DEBUG)

    keeper(store(), endpoint, scope="").token()

    assert endpoint.asked == [(ClientCredentials("made-up-id", "made-up-secret"), "")]
    assert "made-up-secret" not in caplog.text
    assert "minted-1" not in caplog.text


def test_kept_token_holds_no_credentials() -> None:
    """Who may read the cached token may not mint others by it."""
    secrets = store()

    keeper(secrets).token()

    assert "made-up-secret" not in secrets.contents[TOKEN]


def test_asked_once_in_a_run() -> None:
    """A run reads its secrets once and mints once, however often it needs the token."""
    secrets, endpoint = store(), FakeTokenEndpoint()
    keeping = keeper(secrets, endpoint)

    assert {keeping.token() for _ in range(5)} == {"minted-1"}
    assert secrets.reads == [CREDENTIALS, TOKEN]
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("lifetime", "told"),
    [
        pytest.param(None, "for an unknown time", id="not told"),
        pytest.param(timedelta(0), "for 0 s", id="none"),
        pytest.param(timedelta(minutes=3), "for 180 s", id="shorter than the window"),
        pytest.param(NEEDED - timedelta(seconds=1), "for 359 s", id="just too short"),
    ],
)
def test_token_that_lives_too_short_for_other_runs(
    lifetime: timedelta | None, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is good for this run only; a warning says for how long it lives, and it is counted."""
    secrets, endpoint = store(), FakeTokenEndpoint(lifetime=lifetime)
    short: list[None] = []

    keeping = keeper(secrets, endpoint, on_short_token=lambda: short.append(None))
    assert keeping.token() == "minted-1"
    assert secrets.writes == []
    assert len(short) == 1
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    for part in (endpoint.url, told, "360 s", "WindowSeconds"):
        assert part in warning.getMessage()
    assert "minted-1" not in caplog.text


def test_token_that_lives_long_enough_is_not_called_short() -> None:
    """What other runs can use is no reason to warn, be it that nobody has time to keep it."""
    short: list[None] = []

    for seconds_left in (12.0, 30.0):
        keeper(
            store(),
            FakeTokenEndpoint(lifetime=NEEDED),
            seconds_left=seconds_left,
            on_short_token=lambda: short.append(None),
        ).token()

    assert short == []


def test_token_is_not_kept_when_time_is_short() -> None:
    """The last seconds of a run are its own: keeping a token may take as many."""
    secrets = store()

    assert keeper(secrets, seconds_left=12.0).token() == "minted-1"
    assert secrets.writes == []


def test_token_that_can_not_be_kept_is_used(caplog: pytest.LogCaptureFixture) -> None:
    """That a token can't be kept is told, without the token, and stops nothing."""
    secrets = store()
    secrets.unwritable = frozenset({TOKEN})
    failed: list[None] = []

    assert keeper(secrets, on_renewal_failed=lambda: failed.append(None)).token() == "minted-1"
    assert len(failed) == 1
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert TOKEN in warning.getMessage()
    assert "minted-1" not in caplog.text


@pytest.mark.parametrize("error", [TokenRefused("made up"), TokenUnavailable("made up")])
def test_no_token(error: TokenError) -> None:
    """That the endpoint gives no token is told as it is, and nothing is kept."""
    secrets = store()

    with pytest.raises(type(error)):
        keeper(secrets, FakeTokenEndpoint(error=error)).token()

    assert secrets.writes == []


# --- The credentials ---


@pytest.mark.parametrize("content", [None, "", "made up"])
def test_credentials_that_are_not_there(content: str | None) -> None:
    """A credentials secret that is empty or malformed is named before anything else is tried."""
    with pytest.raises(CredentialsError, match=CREDENTIALS):
        keeper(store(credentials=content))


@pytest.mark.parametrize("arn", [CREDENTIALS, TOKEN])
def test_unreadable_secret_is_told(arn: str) -> None:
    """A secret that can't be read is an error that names it."""
    secrets = store()
    secrets.unreadable = frozenset({arn})

    with pytest.raises(CredentialsError, match=arn):
        keeper(secrets).token()


def test_bare_token_is_used() -> None:
    """A token that was given to us is used as it is: nothing is minted, read or kept."""
    secrets, endpoint = store(credentials=BARE, token=kept()), FakeTokenEndpoint()

    assert keeper(secrets, endpoint).token() == "bare-token"
    assert endpoint.asked == []
    assert secrets.reads == [CREDENTIALS]
    assert secrets.writes == []


# --- Renewing ---


def test_renewed_once() -> None:
    """A rejected token is replaced once in a run; when the new one is rejected too, that's it."""
    secrets, endpoint = store(token=kept()), FakeTokenEndpoint()
    keeping = keeper(secrets, endpoint)

    assert keeping.renew(keeping.token())
    assert keeping.token() == "minted-1"
    assert not keeping.renew("minted-1")
    assert keeping.token() == "minted-1"
    assert len(endpoint.asked) == 1


def test_renewed_token_is_kept() -> None:
    """The runs to come get the new token, not the rejected one, although it would live on."""
    secrets = store(token=kept())
    keeping = keeper(secrets)

    keeping.renew(keeping.token())

    assert keeper(secrets).token() == "minted-1"


def test_late_rejection_of_the_old_token() -> None:
    """Who hears late of the old token's rejection is given the new one; nothing is minted."""
    endpoint = FakeTokenEndpoint()
    keeping = keeper(store(token=kept()), endpoint)
    old = keeping.token()
    keeping.renew(old)

    assert keeping.renew(old)
    assert keeping.renew(None)
    assert keeping.token() == "minted-1"
    assert len(endpoint.asked) == 1


def test_late_rejection_where_the_new_token_can_not_be_kept() -> None:
    """Then the secret still holds the old one: who hears late goes on with the new one."""
    secrets = store(token=kept())
    secrets.unwritable = frozenset({TOKEN})
    keeping = keeper(secrets)
    old = keeping.token()
    keeping.renew(old)

    assert keeping.renew(old)
    assert keeping.token() == "minted-1"


def test_no_rejected_token_is_taken_up_again() -> None:
    """The old one, still in the secret, doesn't follow the new one that is rejected too."""
    secrets = store(token=kept())
    secrets.unwritable = frozenset({TOKEN})
    keeping = keeper(secrets)
    keeping.renew(keeping.token())

    assert not keeping.renew("minted-1")
    assert keeping.token() == "minted-1"


def test_renewed_once_by_many_threads() -> None:
    """Threads that are rejected at once mint one token between them, and all go on with it."""
    count = 8
    endpoint = SlowEndpoint()
    keeping = keeper(store(token=kept()), endpoint)
    rejected = keeping.token()
    together = Barrier(count)

    def renew() -> tuple[bool, str]:
        together.wait()
        return keeping.renew(rejected), keeping.token()

    with ThreadPoolExecutor(count) as pool:
        results = [pool.submit(renew) for _ in range(count)]

    assert [result.result() for result in results] == [(True, "minted-1")] * count
    assert len(endpoint.asked) == 1


class SlowEndpoint(FakeTokenEndpoint):
    """Gives other threads every chance to get in between."""

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """See ``token_ports.TokenEndpoint``."""
        with ThreadPoolExecutor(1) as another:
            another.submit(int).result()
        return super().mint(credentials, scope, timeout_seconds=timeout_seconds)


@pytest.mark.parametrize(("left", "expected"), [(12.5, 12.5), (0.0, 0.0), (-1.0, 0.0)])
def test_endpoint_is_waited_for_no_longer_than_the_window(left: float, expected: float) -> None:
    """The endpoint gets the time that is left at that moment, and none once it is over."""
    given: list[float] = []

    class TimedEndpoint(FakeTokenEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            given.append(timeout_seconds)
            return super().mint(credentials, scope, timeout_seconds=timeout_seconds)

    keeper(store(), TimedEndpoint(), seconds_left=left).token()

    assert given == [expected]


def test_failed_renewal_is_not_repeated() -> None:
    """The endpoint is asked for one new token in a run, also where it gave none."""
    endpoint = FakeTokenEndpoint(error=TokenUnavailable("made up"))
    keeping = keeper(store(token=kept()), endpoint)
    old = keeping.token()

    with pytest.raises(TokenUnavailable):
        keeping.renew(old)

    assert not keeping.renew(old)
    assert keeping.token() == old
    assert len(endpoint.asked) == 1


def test_bare_token_is_not_renewed() -> None:
    """There is no other to be had for a token that was given to us."""
    endpoint = FakeTokenEndpoint()
    keeping = keeper(store(credentials=BARE), endpoint)

    assert not keeping.renew(keeping.token())
    assert endpoint.asked == []


def test_no_authorization() -> None:
    """Without credentials calls carry no token, and there is none to renew."""
    authorization: NoAuthorization = NoAuthorization()

    assert authorization.token() is None  # type: ignore[func-returns-value] # the port's answer
    assert not authorization.renew(None)


def test_repr_holds_no_token() -> None:
    """A token that is logged by mistake doesn't give itself away."""
    token = FakeTokenEndpoint().mint(
        ClientCredentials("made-up-id", "made-up-secret"), "", timeout_seconds=1.0
    )

    assert "minted" not in repr(token)
    assert KEPT not in repr(CachedToken.parse(kept()))
