"""Runs of several streams that start in the same second: which one of them renews the token."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.errors import ScopeRefused, TokenRefused, TokenUnavailable
from tests.fakes import NOW, FakeTokenEndpoint
from tests.granting_endpoint import GrantingEndpoint
from tests.unit.token_keeping import KEPT, NEEDED, SCOPE, TOKEN, keeper, kept, store

if TYPE_CHECKING:
    from datetime import datetime

    from eventdrain.errors import TokenError
    from eventdrain.ports import AccessToken, ClientCredentials

MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)
LEAD: Final = timedelta(minutes=10)


class ClockedEndpoint(FakeTokenEndpoint):
    """Its tokens live from the moment at which they are minted.

    Attributes:
        now: That moment.
    """

    now: datetime = NOW

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """See ``token_ports.TokenEndpoint``."""
        lifetime, since = self.lifetime, self.now - NOW
        self.lifetime = None if lifetime is None else lifetime + since
        try:
            return super().mint(credentials, scope, timeout_seconds=timeout_seconds)
        finally:
            self.lifetime = lifetime


def minted_in(hours: int, *, lifetime: timedelta, every: timedelta, streams: int = 5) -> list[int]:
    """Run a stack for some hours, and tell how many tokens each of its streams minted.

    At each tick the leader, the first stream, is the last to look at the secret, so that nobody
    profits from what it does in that second.
    """
    secrets, endpoint = store(), ClockedEndpoint(lifetime=lifetime)
    minted = [0] * streams
    for tick in range(int(timedelta(hours=hours) / every)):
        endpoint.now = NOW + tick * every
        at_this_tick = dict(secrets.contents)
        for stream in reversed(range(streams)):
            latest = secrets.contents.get(TOKEN)
            secrets.contents = dict(at_this_tick)  # all look before anyone writes
            before = len(endpoint.asked)
            run = keeper(secrets, endpoint, renews_early=stream == 0, now=endpoint.now)
            run.token()
            minted[stream] += len(endpoint.asked) - before
            if len(endpoint.asked) == before and latest is not None:
                secrets.contents[TOKEN] = latest
    return minted


@pytest.mark.parametrize("every", [MINUTE, 5 * MINUTE, 7 * MINUTE, 10 * MINUTE])
def test_only_the_leader_renews(every: timedelta) -> None:
    """Of five streams' runs at the same second one mints each hour; the others but at first."""
    leader, *others = minted_in(12, lifetime=timedelta(hours=1), every=every)

    assert others == [1, 1, 1, 1]
    assert 12 <= leader <= 18


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(NEEDED + LEAD, KEPT, id="not yet"),
        pytest.param(NEEDED + LEAD - SECOND, "minted-1", id="ten minutes before the others"),
        pytest.param(NEEDED, "minted-1", id="still good for the others"),
    ],
)
def test_leader_renews_ten_minutes_before_the_others(left: timedelta, expected: str) -> None:
    """The leader minds the cached token's end earlier than the others, and keeps what it minted."""
    secrets = store(token=kept(expires_at=NOW + left))

    assert keeper(secrets).token() == KEPT
    assert keeper(secrets, renews_early=True).token() == expected
    assert keeper(secrets).token() == expected


@pytest.mark.parametrize(
    ("lifetime", "lead"),
    [
        pytest.param(NEEDED + 40 * MINUTE, LEAD, id="just ten minutes"),
        pytest.param(NEEDED + 4 * MINUTE, MINUTE, id="a quarter of four minutes"),
        pytest.param(NEEDED + 4 * SECOND, SECOND, id="a quarter of four seconds"),
        pytest.param(timedelta(days=1), LEAD, id="no more than ten minutes"),
    ],
)
def test_lead_is_a_quarter_of_the_time_of_use(lifetime: timedelta, lead: timedelta) -> None:
    """Reckoned from when the token was minted, less what a run needs of it."""
    for left, expected in ((NEEDED + lead, KEPT), (NEEDED + lead - SECOND / 2, "minted-1")):
        token = kept(expires_at=NOW + left, minted_at=NOW + left - lifetime)
        assert keeper(store(token=token), renews_early=True).token() == expected


@pytest.mark.parametrize("lifetime", [7 * MINUTE, 8 * MINUTE, 10 * MINUTE, 15 * MINUTE])
def test_leader_uses_short_lived_tokens_for_most_of_their_time(lifetime: timedelta) -> None:
    """It mints but a third more often than a run that doesn't lead, and not at every run."""
    every = timedelta(seconds=10)
    [alone] = minted_in(1, lifetime=lifetime, every=every, streams=1)
    of_use = lifetime - NEEDED

    assert alone <= timedelta(hours=1) / (of_use * 3 / 4) + 1


def test_token_that_is_too_short_lived_to_be_kept() -> None:
    """A token that does for no other run is minted by each, leader or not, and not written."""
    secrets, endpoint = store(), FakeTokenEndpoint(lifetime=NEEDED - SECOND)

    for leads in (True, False):
        keeper(secrets, endpoint, renews_early=leads).token()

    assert len(endpoint.asked) == 2
    assert secrets.writes == []


def test_token_that_just_does_for_others_is_kept() -> None:
    """A token that lives as long as a run needs it serves those that start at the same moment."""
    secrets, endpoint = store(), FakeTokenEndpoint(lifetime=NEEDED)

    for leads in (False, True):
        keeper(secrets, endpoint, renews_early=leads).token()

    assert len(endpoint.asked) == 1
    assert secrets.writes == [TOKEN]


def test_too_short_lived_token_replaces_none() -> None:
    """A new token that serves nobody else does not take the place of one that still does."""
    content = kept(expires_at=NOW + NEEDED)
    secrets, endpoint = store(token=content), FakeTokenEndpoint(lifetime=NEEDED - SECOND)

    assert keeper(secrets, endpoint, renews_early=True).token() == "minted-1"

    assert secrets.contents[TOKEN] == content


@pytest.mark.parametrize(
    ("minted_at", "expires_at"),
    [
        pytest.param(NOW + MINUTE, NOW + 60 * MINUTE, id="minted in the future"),
        pytest.param(NOW + 90 * MINUTE, NOW + 60 * MINUTE, id="minted after its end"),
        pytest.param(NOW, NOW + NEEDED, id="of no use to anybody else"),
    ],
)
def test_odd_times_do_not_make_a_leader_mint(minted_at: datetime, expires_at: datetime) -> None:
    """A cached token that does is used, whatever is said of its beginning."""
    token = kept(minted_at=minted_at, expires_at=expires_at)

    assert keeper(store(token=token), renews_early=True).token() == KEPT


@pytest.mark.parametrize(
    "error", [TokenUnavailable("made up"), TokenRefused("made up"), ScopeRefused("made up")]
)
def test_kept_token_serves_on_if_it_can_not_be_renewed(
    error: TokenError, caplog: pytest.LogCaptureFixture
) -> None:
    """A leader that gets no new token goes on with the kept one, and tells why."""
    secrets = store(token=kept(expires_at=NOW + NEEDED))

    failed: list[None] = []
    leader = keeper(
        secrets,
        FakeTokenEndpoint(error=error),
        renews_early=True,
        on_renewal_failed=lambda: failed.append(None),
    )

    assert leader.token() == KEPT
    assert len(failed) == 1
    assert secrets.writes == []
    assert "made up" in caplog.text
    assert KEPT not in caplog.text


def test_leader_leaves_half_of_its_time_to_its_own_work() -> None:
    """An endpoint that hangs holds a leader up for no longer than that."""
    given: list[float] = []

    class TimedEndpoint(FakeTokenEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            given.append(timeout_seconds)
            return super().mint(credentials, scope, timeout_seconds=timeout_seconds)

    secrets = store(token=kept(expires_at=NOW + NEEDED))
    keeper(secrets, TimedEndpoint(), renews_early=True, seconds_left=100.0).token()

    assert given == [50.0]


def test_leader_that_has_no_time_to_keep_a_token_does_not_lead() -> None:
    """What would not reach the others is not minted for them."""
    endpoint = FakeTokenEndpoint()
    secrets = store(token=kept(expires_at=NOW + NEEDED))

    assert keeper(secrets, endpoint, renews_early=True, seconds_left=12.0).token() == KEPT
    assert endpoint.asked == []


def test_leader_whose_own_scope_is_missing_leads_all_the_same() -> None:
    """It renews for the others, and then fails alone."""
    secrets = store(token=kept(expires_at=NOW + NEEDED, scopes=["b:read"], scope=f"b:read {SCOPE}"))
    endpoint = GrantingEndpoint(may_have=frozenset({"b:read"}))
    both = ("b:read", SCOPE)

    with pytest.raises(ScopeRefused, match=SCOPE):
        keeper(secrets, endpoint, scopes=both, renews_early=True).token()

    assert keeper(secrets, endpoint, scopes=both, scope="b:read").token() == "minted-1"
