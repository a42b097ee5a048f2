"""How often a whole stack calls the token endpoint: five streams, whose runs start together."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.errors import ScopeRefused, TokenError, TokenUnavailable
from eventdrain.events import STREAMS
from tests.fakes import NOW
from tests.granting_endpoint import GrantingEndpoint
from tests.unit.token_keeping import LIFETIME, NEEDED, TOKEN, keeper, store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tests.fakes import FakeSecretStore

LEADER, *OTHERS = STREAMS
MISSING: Final = "first_attachment"
SCOPES: Final = tuple(stream.scope for stream in STREAMS.values() if stream.scope)
GRANTED: Final = {*SCOPES} - {STREAMS[MISSING].scope}
NEARS_ITS_END: Final = NOW + LIFETIME - NEEDED - timedelta(minutes=1)


@dataclass
class Stack:
    """A stack, tick by tick.

    Attributes:
        endpoint: Whom all runs ask.
        answers_each: How many calls of each run are answered before it is asked too often; None
            for all.
        tokens: What the last tick's runs got, by stream.
        errors: What they failed by.
        calls: How many calls each made.
    """

    endpoint: GrantingEndpoint
    answers_each: int | None = None
    secrets: FakeSecretStore = field(default_factory=store)
    tokens: dict[str, str] = field(default_factory=dict)
    errors: dict[str, TokenError] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def tick(self, order: Iterable[str] = STREAMS, *, now: datetime = NOW) -> int:
        """Start a run over each stream; all look at the secret before anyone writes.

        Returns:
            How many calls they made together.
        """
        self.tokens, self.errors, self.calls = {}, {}, Counter()
        before = dict(self.secrets.contents)
        after = before
        for event_type in order:
            self.secrets.contents = dict(before)
            if self.answers_each is not None:
                self.endpoint.answers = self.answers_each
            asked = len(self.endpoint.asked)
            run = keeper(
                self.secrets,
                self.endpoint,
                scopes=SCOPES,
                scope=STREAMS[event_type].scope,
                renews_early=event_type == LEADER,
                now=now,
                seconds_left=200.0,
            )
            try:
                self.tokens[event_type] = run.token()
            except TokenError as error:
                self.errors[event_type] = error
            self.calls[event_type] = len(self.endpoint.asked) - asked
            if self.secrets.contents != before:
                after = self.secrets.contents
        self.secrets.contents = after
        return self.calls.total()

    def kept(self) -> tuple[set[str], set[str]]:
        """Give the cached token's scopes, and those that are undecided."""
        content = json.loads(self.secrets.contents[TOKEN])
        return set(content["scopes"]), set(content["undecided"])

    @property
    def only_the_missing_one_fails(self) -> bool:
        """Whether the last tick's other runs all got a token, and that one was refused."""
        return self.errors.keys() == {MISSING} and isinstance(self.errors[MISSING], ScopeRefused)


def refusing() -> GrantingEndpoint:
    """Make an endpoint that refuses all scopes for one that is missing."""
    return GrantingEndpoint(may_have=frozenset(GRANTED), narrows=False)


orders: Final = pytest.mark.parametrize(
    "order",
    [pytest.param([*STREAMS], id="leader first"), pytest.param([*OTHERS, LEADER], id="last")],
)


@orders
def test_endpoint_that_grants_what_it_can(order: list[str]) -> None:
    """Five calls at first, then none; one when the token nears its end."""
    stack = Stack(GrantingEndpoint(may_have=frozenset(GRANTED)))

    assert stack.tick(order) == 5
    assert stack.only_the_missing_one_fails
    assert stack.tick(order) == 0
    assert stack.only_the_missing_one_fails
    assert stack.tick(order, now=NEARS_ITS_END) == stack.calls[LEADER] == 1


@orders
def test_endpoint_that_refuses_the_whole(order: list[str]) -> None:
    """The leader's six calls find out what is granted, for all; the others make two, but once."""
    stack = Stack(refusing())

    assert stack.tick(order) == 6 + 4 * 2
    assert stack.calls == {LEADER: 6} | dict.fromkeys(OTHERS, 2)
    assert stack.only_the_missing_one_fails
    assert stack.tick(order) == 0
    assert stack.only_the_missing_one_fails
    assert stack.kept() == (GRANTED, set())
    assert stack.tick(order, now=NEARS_ITS_END) == stack.calls[LEADER] == 6


@orders
@pytest.mark.parametrize("answers_each", [2, 3, 4, 5])
def test_rate_limit_while_a_scope_is_missing(order: list[str], answers_each: int) -> None:
    """No other stream stops. The leader ends at the first 429, and from then on makes no call."""
    stack = Stack(refusing(), answers_each)

    assert stack.tick(order) == (answers_each + 1) + 4 * 2
    assert stack.only_the_missing_one_fails
    for _ in range(3):
        # One call for each scope that was not decided: two once the missing one is.
        is_decided = answers_each >= 4
        assert stack.tick(order) == (2 if is_decided else 3)
        assert stack.calls[LEADER] == stack.calls["consent_change"] == 0
        assert stack.only_the_missing_one_fails
    assert len(stack.secrets.writes) == 1


def test_rate_limit_for_the_whole_stack() -> None:
    """Once the leader has a token, what the stack asks for is fewer calls than it began with."""
    stack = Stack(refusing())
    stack.endpoint.answers = 5
    assert stack.tick() == 6 + 4
    assert LEADER in stack.tokens
    assert all(isinstance(stack.errors[other], TokenUnavailable) for other in OTHERS)

    stack.endpoint.answers = 5
    assert stack.tick() <= 5
    assert stack.only_the_missing_one_fails


@orders
def test_rate_limit_that_is_over(order: list[str]) -> None:
    """The leader finds out what is granted when its token nears its end; then all share one."""
    stack = Stack(refusing(), answers_each=2)
    stack.tick(order)
    stack.answers_each = stack.endpoint.answers = None

    assert stack.tick(order, now=NEARS_ITS_END) == 6 + 3
    assert stack.only_the_missing_one_fails

    assert stack.kept() == (GRANTED, set())


@orders
def test_rate_limit_when_the_shared_token_nears_its_end(order: list[str]) -> None:
    """A cached token that serves all is not given up for one of the leader's own."""
    stack = Stack(refusing())
    stack.tick(order)
    shared = stack.secrets.contents[TOKEN]
    stack.answers_each = 3

    assert stack.tick(order, now=NEARS_ITS_END) == stack.calls[LEADER] == 4

    assert stack.only_the_missing_one_fails
    assert set(stack.tokens.values()) == {json.loads(shared)["access_token"]}
    assert stack.secrets.contents[TOKEN] == shared


@orders
def test_endpoint_that_grants_one_scope_at_a_time(order: list[str]) -> None:
    """Every stream runs; those whose scope the cached token has not make one call each."""
    stack = Stack(GrantingEndpoint(may_have=frozenset(SCOPES), only_alone=True))

    assert stack.tick(order) == 5 + 4 * 2  # what was refused together is not asked again
    for _ in range(3):
        assert stack.errors == {}
        assert stack.tick(order) == 3
        assert stack.calls[LEADER] == stack.calls["consent_change"] == 0
    assert stack.kept() == ({STREAMS[LEADER].scope}, set(SCOPES[1:]))
    assert len(stack.secrets.writes) == 1

    assert stack.tick(order, now=NEARS_ITS_END) == 5 + 3
    assert stack.errors == {}
    assert len(stack.secrets.writes) == 2


@orders
def test_one_scope_at_a_time_and_one_missing(order: list[str]) -> None:
    """The missing one is known, and not asked for again."""
    stack = Stack(GrantingEndpoint(may_have=frozenset(GRANTED), narrows=False, only_alone=True))

    assert stack.tick(order) == 6 + 4 * 2
    assert stack.only_the_missing_one_fails
    assert stack.tick(order) == 2
    assert stack.only_the_missing_one_fails


def test_without_the_leader() -> None:
    """Where its schedule is off, each run makes two calls, and no stream stops."""
    stack = Stack(refusing())

    for _ in range(3):
        assert stack.tick(OTHERS) == 4 * 2
        assert stack.only_the_missing_one_fails
    assert stack.secrets.writes == []
