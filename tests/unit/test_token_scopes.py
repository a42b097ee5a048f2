"""One token for all streams of a stack: which scopes it is asked for, and who goes on with it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.errors import ScopeRefused, TokenRefused, TokenUnavailable
from tests.fakes import NOW
from tests.granting_endpoint import GrantingEndpoint
from tests.unit.token_keeping import BARE, CLIENT, CREDENTIALS, KEPT, TOKEN, keeper, kept, store

if TYPE_CHECKING:
    from eventdrain.errors import TokenError
    from eventdrain.ports import AccessToken, ClientCredentials
    from tests.fakes import FakeSecretStore

A: Final = "a:read"
B: Final = "b:read"
C: Final = "c:read"
ALL: Final = (A, B, C)
UNION: Final = f"{A} {B} {C}"
NONE: Final = ""

both_manners: Final = pytest.mark.parametrize(
    "narrows", [pytest.param(True, id="grants fewer"), pytest.param(False, id="refuses the whole")]
)


def endpoint(*may_have: str, narrows: bool = True, refuses_none: bool = False) -> GrantingEndpoint:
    """Make an endpoint whose client may have these scopes."""
    return GrantingEndpoint(
        may_have=frozenset(may_have), narrows=narrows, refuses_none=refuses_none
    )


def granted_in(secrets: FakeSecretStore) -> list[str]:
    """Give the scopes that the cached token is said to have."""
    scopes: list[str] = json.loads(secrets.contents[TOKEN])["scopes"]
    return scopes


# --- One token ---


@pytest.mark.parametrize("scopes", [(A, B, C), (C, A, B), (B, NONE, A, C, A, NONE)])
def test_one_token_serves_every_stream(scopes: tuple[str, ...]) -> None:
    """The first run mints for the scopes of all, in whichever order given; the others find that."""
    secrets, asked = store(), endpoint(*ALL)
    keeper(secrets, asked, scopes=scopes, scope=B).token()

    tokens = {keeper(secrets, asked, scopes=ALL, scope=scope).token() for scope in (*ALL, NONE)}

    assert tokens == {"minted-1"}
    assert asked.scopes_asked == [UNION]
    assert secrets.writes == [TOKEN]


def test_token_for_other_streams_is_not_used() -> None:
    """When the streams of the stack change, so does what is asked for, at once."""
    secrets, asked = store(), endpoint(*ALL)
    keeper(secrets, asked, scopes=(A, B), scope=A).token()

    assert keeper(secrets, asked, scopes=ALL, scope=A).token() == "minted-2"
    assert asked.scopes_asked == [f"{A} {B}", UNION]


def test_scopes_that_are_not_told_are_those_asked_for() -> None:
    """An answer that does not tell its scopes grants all of them (RFC 6749, section 5.1)."""

    class Silent(GrantingEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            return super(GrantingEndpoint, self).mint(
                credentials, scope, timeout_seconds=timeout_seconds
            )

    secrets = store()

    assert keeper(secrets, Silent(), scopes=ALL, scope=B).token() == "minted-1"
    assert granted_in(secrets) == list(ALL)


# --- A scope that is missing ---


@both_manners
@pytest.mark.parametrize("leader", ALL)
def test_missing_scope_fails_alone(leader: str, *, narrows: bool) -> None:
    """The run whose scope is missing fails, each time; whichever leads, the others go on."""
    secrets, asked = store(), endpoint(A, C, narrows=narrows)
    run = keeper(secrets, asked, scopes=ALL, scope=leader, renews_early=True)
    if leader == B:
        with pytest.raises(ScopeRefused):
            run.token()
    else:
        run.token()
    calls = len(asked.asked)
    minted = json.loads(secrets.contents[TOKEN])["access_token"]

    for _ in range(3):
        with pytest.raises(ScopeRefused):
            keeper(secrets, asked, scopes=ALL, scope=B).token()
    assert {keeper(secrets, asked, scopes=ALL, scope=scope).token() for scope in (A, C, NONE)} == {
        minted
    }

    assert len(asked.asked) == calls
    assert granted_in(secrets) == [A, C]
    assert len(secrets.writes) == 1


@both_manners
def test_missing_scope_is_named(*, narrows: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Error and log name the scope, the error also endpoint, secret, hint and when; no secret."""
    caplog.set_level(logging.DEBUG)
    asked = endpoint(A, C, narrows=narrows)

    with pytest.raises(ScopeRefused) as caught:
        keeper(store(), asked, scopes=ALL, scope=B, renews_early=True).token()

    error = str(caught.value)
    for told in (B, asked.url, CREDENTIALS, "portal", "next token, by 2026-03-01 13:00 UTC"):
        assert told in error
    assert A not in error
    warning = [each for each in caplog.records if each.levelno == logging.WARNING][-1]
    assert warning.getMessage().endswith(f"{B} is missing")
    for secret in ("made-up-secret", "minted-"):
        assert secret not in error + caplog.text


def test_scope_of_a_token_that_is_not_kept_is_missing_too() -> None:
    """A token of unknown life is looked at as well, and no moment is made up for it."""
    asked = endpoint(A)
    asked.lifetime = None

    with pytest.raises(ScopeRefused, match=r"next token\.$"):
        keeper(store(), asked, scopes=ALL, scope=B).token()


def test_scope_that_the_client_got_later() -> None:
    """A scope that is granted by now takes effect with the next token."""
    secrets, asked = store(), endpoint(A)
    keeper(secrets, asked, scopes=(A, B), scope=A).token()
    asked.may_have = frozenset({A, B})

    with pytest.raises(ScopeRefused):
        keeper(secrets, asked, scopes=(A, B), scope=B).token()

    later = NOW + asked.lifetime if asked.lifetime else NOW
    asked_later = keeper(secrets, asked, scopes=(A, B), scope=B, now=later)
    assert asked_later.token() == "minted-2"


def test_scopes_that_nobody_asked_for_are_not_kept() -> None:
    """What an endpoint grants beyond what was asked for is none of ours."""

    class Generous(GrantingEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            more = f"{scope} more:read"
            return super().mint(credentials, more, timeout_seconds=timeout_seconds)

    secrets = store()
    keeper(secrets, Generous(may_have=frozenset({A, "more:read"})), scopes=(A, B), scope=A).token()

    assert granted_in(secrets) == [A]


def test_bare_token_is_never_refused() -> None:
    """Nobody knows what a token that was given to us allows: the event server will tell."""
    secrets = store(credentials=BARE)

    assert keeper(secrets, endpoint(), scopes=ALL, scope=B).token() == "bare-token"


# --- An endpoint that refuses the scopes together ---


@pytest.mark.parametrize(
    ("may_have", "needed", "asked_for"),
    [
        pytest.param((A, B), B, [UNION, B, A, C, f"{A} {B}"], id="two of three"),
        pytest.param((A, B), C, [UNION, C, A, B, f"{A} {B}"], id="two, not the leader's"),
        pytest.param((A, B), NONE, [UNION, NONE, A, B, C, f"{A} {B}"], id="two for others"),
        pytest.param((B,), B, [UNION, B, A, C], id="one of three: its token serves"),
        pytest.param((B,), C, [UNION, C, A, B], id="one, not the leader's"),
        pytest.param((B,), NONE, [UNION, NONE, A, B, C], id="one for others"),
        pytest.param((), A, [UNION, A, B, C, NONE], id="none"),
        pytest.param((), NONE, [UNION, NONE, A, B, C], id="none, and none needed"),
    ],
)
def test_leader_asks_for_each_scope_alone(
    may_have: tuple[str, ...], needed: str, asked_for: list[str]
) -> None:
    """Its own first. What is granted is then asked for together, and answers for the union."""
    secrets, asked = store(), endpoint(*may_have, narrows=False)
    run = keeper(secrets, asked, scopes=ALL, scope=needed, renews_early=True)

    if needed in {*may_have, NONE}:
        assert run.token() == json.loads(secrets.contents[TOKEN])["access_token"]
    else:
        with pytest.raises(ScopeRefused, match=needed):
            run.token()

    assert asked.scopes_asked == asked_for
    content = json.loads(secrets.contents[TOKEN])
    assert (content["scopes"], content["undecided"]) == (list(may_have), [])
    assert content["minted_for"]["scope"] == UNION


@pytest.mark.parametrize("needed", [B, NONE])
def test_run_that_does_not_lead_asks_for_its_own(needed: str) -> None:
    """It finds out nothing for others, and keeps nothing that tells them too little."""
    secrets, asked = store(), endpoint(A, B, narrows=False)

    assert keeper(secrets, asked, scopes=ALL, scope=needed).token() == "minted-2"

    assert asked.scopes_asked == [UNION, needed]
    assert secrets.writes == []


def test_run_that_does_not_lead_and_whose_scope_is_missing() -> None:
    """It is told which one, after two calls."""
    secrets, asked = store(), endpoint(A, C, narrows=False)

    with pytest.raises(ScopeRefused, match=rf"refuses {B}$"):
        keeper(secrets, asked, scopes=ALL, scope=B).token()

    assert asked.scopes_asked == [UNION, B]
    assert secrets.writes == []


def test_leader_without_time_to_keep_a_token_asks_for_its_own() -> None:
    """What would not reach the others is not asked for them."""
    secrets, asked = store(), endpoint(A, B, narrows=False)

    run = keeper(secrets, asked, scopes=ALL, scope=B, renews_early=True, seconds_left=12.0)

    assert run.token() == "minted-2"
    assert asked.scopes_asked == [UNION, B]


def test_pause_after_each_failure() -> None:
    """The endpoint is left alone for a second after a failure, and only then."""
    asked = endpoint(B, C, narrows=False)
    calls_at_pauses: list[int] = []

    def sleep(seconds: float) -> None:
        assert seconds == 1.0
        calls_at_pauses.append(len(asked.asked))

    keeper(store(), asked, scopes=ALL, scope=B, renews_early=True, sleep=sleep).token()

    assert asked.scopes_asked == [UNION, B, A, C, f"{B} {C}"]
    assert calls_at_pauses == [1, 3]


def test_no_pause_without_a_failure() -> None:
    """A run that is granted something waits for nothing."""
    pauses: list[float] = []
    keeper(store(), endpoint(A), scopes=ALL, scope=A, sleep=pauses.append).token()

    assert pauses == []


def test_asking_ends_with_the_time_of_the_run() -> None:
    """A run that has no time to ask for its own scope asks nothing more; the next tries again."""
    secrets, asked = store(), endpoint(A, narrows=False)

    with pytest.raises(TokenUnavailable, match="portal") as caught:
        keeper(secrets, asked, scopes=ALL, scope=A, seconds_left=1.0).token()

    assert asked.scopes_asked == [UNION]
    assert asked.url in str(caught.value)
    assert secrets.writes == []


def test_leader_asks_for_others_in_half_of_its_time() -> None:
    """An endpoint that refuses slowly leaves the leader time for its own stream."""
    left = 40.0
    given: list[float] = []

    class Slow(GrantingEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            nonlocal left
            left -= 10.0
            given.append(timeout_seconds)
            return super().mint(credentials, scope, timeout_seconds=timeout_seconds)

    asked = Slow(may_have=frozenset({A}), narrows=False)
    run = keeper(store(), asked, scopes=ALL, scope=A, renews_early=True, seconds_left=lambda: left)

    assert run.token() == "minted-2"
    assert asked.scopes_asked == [UNION, A, B]
    assert given == [40.0, 30.0, 10.0]


@pytest.mark.parametrize("error", [TokenRefused("made up"), TokenUnavailable("made up")])
def test_other_errors_are_not_looked_into(error: TokenError) -> None:
    """An endpoint that refuses the client, or is down, is not asked for each scope."""
    asked = endpoint(*ALL)
    asked.error = error

    with pytest.raises(type(error)):
        keeper(store(), asked, scopes=ALL, scope=A).token()

    assert asked.scopes_asked == [UNION]


@pytest.mark.parametrize("answers", [2, 3, 4])
def test_leader_that_is_interrupted_goes_on(answers: int, caplog: pytest.LogCaptureFixture) -> None:
    """It has its own token; what is not known to be refused is kept, and told, as undecided."""
    secrets, asked = store(), endpoint(A, B, narrows=False)
    asked.answers = answers

    assert keeper(secrets, asked, scopes=ALL, scope=B, renews_early=True).token() == "minted-2"

    assert asked.scopes_asked == [UNION, B, A, C, f"{A} {B}"][: answers + 1]
    content = json.loads(secrets.contents[TOKEN])
    assert content["scopes"] == [B]
    assert content["undecided"] == ([A] if answers == 4 else [A, C])
    assert f"each run that needs {A if answers == 4 else f'{A} or {C}'} mints" in caplog.text
    assert (f"{C} is missing" in caplog.text) == (answers == 4)
    assert f"{A} is missing" not in caplog.text
    assert f"{A} {C} is missing" not in caplog.text


@pytest.mark.parametrize("error", [TokenRefused("made up"), TokenUnavailable("made up")])
def test_whatever_interrupts_the_leader(error: TokenError) -> None:
    """Also an endpoint that refuses the client all at once costs the leader no token it has."""

    class Failing(GrantingEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            token = super().mint(credentials, scope, timeout_seconds=timeout_seconds)
            if scope == C:
                raise error
            return token

    asked = Failing(may_have=frozenset({A}), narrows=False)

    run = keeper(store(), asked, scopes=ALL, scope=A, renews_early=True)

    assert run.token() == "minted-2"
    assert asked.scopes_asked == [UNION, A, B, C]


def test_interrupted_leader_whose_scope_is_missing() -> None:
    """It fails by its own scope; the token that it got for another's is kept for that one."""
    secrets, asked = store(), endpoint(A, C, narrows=False)
    asked.answers = 3

    with pytest.raises(ScopeRefused, match=B):
        keeper(secrets, asked, scopes=ALL, scope=B, renews_early=True).token()

    content = json.loads(secrets.contents[TOKEN])
    assert (content["scopes"], content["undecided"]) == ([A], [C])


def test_interrupted_before_the_own_scope() -> None:
    """Without any token there is none to go on with, and nothing to keep."""
    secrets, asked = store(), endpoint(A, narrows=False)
    asked.answers = 1

    with pytest.raises(TokenUnavailable, match="429"):
        keeper(secrets, asked, scopes=ALL, scope=A, renews_early=True).token()

    assert asked.scopes_asked == [UNION, A]
    assert secrets.writes == []


def test_interrupted_with_nothing_but_refusals() -> None:
    """A stream that needs no scope and got no token is told what may pass, not a failure."""
    asked = endpoint(A, narrows=False, refuses_none=True)
    asked.answers = 2

    with pytest.raises(TokenUnavailable, match="429"):
        keeper(store(), asked, scopes=ALL, scope=NONE).token()

    assert asked.scopes_asked == [UNION, NONE, A]


def test_scope_that_is_neither_refused_nor_granted() -> None:
    """A token that is minted for one scope and doesn't have it grants nothing."""

    class Evasive(GrantingEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            self.narrows = len(scope.split()) == 1
            return super().mint(credentials, scope, timeout_seconds=timeout_seconds)

    asked = Evasive(may_have=frozenset({A, C}))

    keeper(store(), asked, scopes=ALL, scope=A, renews_early=True).token()

    assert asked.scopes_asked == [UNION, A, B, C, f"{A} {C}"]


def test_token_that_serves_others_but_not_the_leader() -> None:
    """A leader goes on with a token for its own scope, however many scopes another one has."""
    missing = "d:read"

    class Odd(GrantingEndpoint):
        def mint(
            self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
        ) -> AccessToken:
            is_joint = scope == UNION
            self.narrows = is_joint
            self.may_have = frozenset({B, C} if is_joint else ALL)
            return super().mint(credentials, scope, timeout_seconds=timeout_seconds)

    secrets, asked = store(), Odd()
    run = keeper(secrets, asked, scopes=(*ALL, missing), scope=A, renews_early=True)

    assert run.token() == "minted-2"
    assert asked.scopes_asked == [f"{UNION} {missing}", A, B, C, missing, UNION]
    assert granted_in(secrets) == [A]


def test_undecided_scope_is_asked_for_by_who_needs_it() -> None:
    """A cached token that doesn't tell of a scope is no reason to fail: that one is asked for."""
    content = kept(scopes=[B], undecided=[A, C], scope=UNION)
    secrets, asked = store(token=content), endpoint(A, B, narrows=False)

    assert keeper(secrets, asked, scopes=ALL, scope=B).token() == KEPT
    assert keeper(secrets, asked, scopes=ALL, scope=NONE).token() == KEPT
    assert asked.asked == []

    assert keeper(secrets, asked, scopes=ALL, scope=A).token() == "minted-1"
    with pytest.raises(ScopeRefused, match=rf"refuses {C}$"):
        keeper(secrets, asked, scopes=ALL, scope=C).token()
    assert asked.scopes_asked == [A, C]
    assert secrets.contents[TOKEN] == content


# --- No scope at all ---


@both_manners
def test_stream_without_a_scope_goes_on(*, narrows: bool) -> None:
    """When nothing is granted, the stream that needs nothing is read with a token for nothing."""
    secrets, asked = store(), endpoint(narrows=narrows)

    assert keeper(secrets, asked, scopes=(A,), scope=NONE).token().startswith("minted-")
    assert granted_in(secrets) == []
    calls = len(asked.asked)
    with pytest.raises(ScopeRefused, match=A):
        keeper(secrets, asked, scopes=(A,), scope=A).token()
    assert len(asked.asked) == calls


def test_scope_that_was_refused_alone_is_not_asked_for_again() -> None:
    """Of one scope that was refused it is known which it was."""
    asked = endpoint(narrows=False)
    keeper(store(), asked, scopes=(A,), scope=NONE).token()

    assert asked.scopes_asked == [A, NONE]


def test_no_token_for_nothing_where_nobody_needs_it() -> None:
    """Where the only scope is refused that is all there is: one call, nothing kept, named."""
    secrets, asked = store(), endpoint(narrows=False)

    with pytest.raises(ScopeRefused, match=A):
        keeper(secrets, asked, scopes=(A,), scope=A).token()

    assert asked.scopes_asked == [A]
    assert secrets.writes == []


def test_endpoint_that_mints_nothing_for_nothing() -> None:
    """The failure of all scopes is what is told, not that of none."""
    secrets = store()
    asked = endpoint(narrows=False, refuses_none=True)

    with pytest.raises(ScopeRefused, match=UNION):
        keeper(secrets, asked, scopes=ALL, scope=NONE).token()

    assert asked.scopes_asked == [UNION, NONE, A, B, C]
    assert secrets.writes == []


def test_endpoint_that_mints_nothing_for_nothing_but_for_another_scope() -> None:
    """The stream that needs none takes the first token that it gets."""
    asked = endpoint(B, C, narrows=False, refuses_none=True)

    assert keeper(store(), asked, scopes=ALL, scope=NONE).token() == "minted-4"

    assert asked.scopes_asked == [UNION, NONE, A, B]


def test_stack_that_needs_no_scope() -> None:
    """Nothing is asked for, once, whether it is granted or refused."""
    asked = endpoint(refuses_none=True)
    with pytest.raises(ScopeRefused):
        keeper(store(), asked, scopes=(NONE,), scope=NONE).token()
    assert asked.scopes_asked == [NONE]

    assert keeper(store(), endpoint(), scopes=(NONE,), scope=NONE).token() == "minted-1"


# --- Renewing a token that was not accepted ---


def all_kept(value: str = KEPT) -> str:
    """Write a cached token that has all scopes."""
    return kept(value=value, scopes=ALL, scope=UNION)


def test_renewed_for_every_stream() -> None:
    """A rejected token is replaced by one for all scopes, which the other runs find."""
    secrets, asked = store(token=all_kept()), endpoint(*ALL)
    run = keeper(secrets, asked, scopes=ALL, scope=B)

    assert run.renew(run.token())

    assert asked.scopes_asked == [UNION]
    assert keeper(secrets, asked, scopes=ALL, scope=A).token() == run.token() == "minted-1"


def test_token_that_another_run_has_renewed_is_taken() -> None:
    """Runs whose token was rejected at once need one new token between them, not one each."""
    secrets, asked = store(token=all_kept()), endpoint(*ALL)
    runs = [keeper(secrets, asked, scopes=ALL, scope=scope) for scope in ALL]
    rejected = [run.token() for run in runs]

    assert all(run.renew(old) for run, old in zip(runs, rejected, strict=True))

    assert {run.token() for run in runs} == {"minted-1"}
    assert len(asked.asked) == 1


def test_token_of_another_run_that_is_rejected_too() -> None:
    """Then one is minted, once; and a token that was rejected before is not taken again."""
    secrets, asked = store(token=all_kept()), endpoint(*ALL)
    run = keeper(secrets, asked, scopes=ALL, scope=A)
    run.token()
    secrets.contents[TOKEN] = all_kept("another")
    assert run.renew(KEPT)
    assert run.token() == "another"

    assert run.renew("another")
    assert run.token() == "minted-1"
    secrets.contents[TOKEN] = all_kept()
    assert not run.renew("minted-1")
    assert len(asked.asked) == 1


def test_renewed_where_the_kept_token_leaves_the_scope_undecided() -> None:
    """A run with a token of its own gets another of its own, once."""
    secrets, asked = store(token=kept(scopes=[B], undecided=[A, C], scope=UNION)), endpoint(A)
    run = keeper(secrets, asked, scopes=ALL, scope=A)

    assert run.renew(run.token())
    assert run.token() == "minted-2"
    assert not run.renew("minted-2")
    assert asked.scopes_asked == [A, A]
    assert secrets.writes == []


def test_renewed_though_the_kept_token_cannot_be_read() -> None:
    """A secret that can't be read any more is no reason not to mint."""
    secrets, asked = store(token=all_kept()), endpoint(*ALL)
    run = keeper(secrets, asked, scopes=ALL, scope=A)
    run.token()
    secrets.unreadable = frozenset({TOKEN})

    assert run.renew(KEPT)
    assert run.token() == "minted-1"


def test_scope_that_was_lost_meanwhile() -> None:
    """A new token without the run's scope ends that run, named; the others have it."""
    secrets, asked = store(token=all_kept()), endpoint(A, C)
    run = keeper(secrets, asked, scopes=ALL, scope=B)
    run.token()

    with pytest.raises(ScopeRefused, match=B):
        run.renew(KEPT)

    assert granted_in(secrets) == [A, C]
    assert keeper(secrets, asked, scopes=ALL, scope=A).token() == "minted-1"
    assert len(asked.asked) == 1


def test_client_that_changes_is_asked_for_all_anew() -> None:
    """What one client may not have, another may."""
    secrets, asked = store(), endpoint(A)
    keeper(secrets, asked, scopes=(A, B), scope=A).token()
    secrets.contents[CREDENTIALS] = CLIENT.replace("made-up-id", "another-id")
    asked.may_have = frozenset({A, B})

    assert keeper(secrets, asked, scopes=(A, B), scope=B).token() == "minted-2"
