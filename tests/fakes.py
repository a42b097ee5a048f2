"""Fakes of the engine's ports: in memory, true to each port's contract, with a record of calls.

A function from the test decides each answer; by default everything succeeds at once. Fakes wait
with ``asyncio.sleep``, which takes no real time in ``tests.virtual_time``. A call that breaks the
port's contract fails the test.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from eventdrain.errors import (
    ApiSilent,
    CredentialsError,
    Failure,
    FailureKind,
    StreamEnded,
    StreamError,
)
from eventdrain.ports import AccessToken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from eventdrain.errors import TokenError
    from eventdrain.events import Delivery

Answer: TypeAlias = "Failure | None"
"""The result of one event or one ack; None for success."""

TRY_AGAIN: Final = Failure("MadeUpThrottle", "it may succeed later", FailureKind.RETRYABLE)
SLOW_DOWN: Final = Failure("RESOURCE_EXHAUSTED", "too many at a time", FailureKind.THROTTLED)
LEAVE_EVENT: Final = Failure("MadeUpTooLong", "it can never succeed", FailureKind.EVENT_REJECTED)
RENEW_TOKEN: Final = Failure(
    "UNAUTHENTICATED", "the token is not accepted", FailureKind.TOKEN_REJECTED
)
END_RUN: Final = Failure("MadeUpDenied", "somebody must act", FailureKind.FATAL)
TIMED_OUT: Final = Failure("DEADLINE_EXCEEDED", "no answer in time", FailureKind.RETRYABLE)

ACK_TIMEOUT: Final = timedelta(minutes=10)
"""Longer than the default window of tests."""
FOR_EVER: Final = 1e9
"""Seconds, longer than any window."""


def always_well(_delivery: Delivery, _attempt: int) -> Answer:
    """Return success for everything."""
    return None


def no_time(_call: int) -> float:
    """Return 0 seconds."""
    return 0.0


class FakeSink:
    """A ``ports.Sink``.

    Args:
        decide: Returns the answer for a delivery and the number of the attempt, from 0.
        seconds: Returns the duration of a call by its number, from 0.
        keeps_refused: Whether failed events are durable all the same, as if an answer was lost.

    Attributes:
        calls: The ids of the events of each call.
        held: The durable deliveries by event id.
    """

    def __init__(
        self,
        decide: Callable[[Delivery, int], Answer] = always_well,
        *,
        seconds: Callable[[int], float] = no_time,
        keeps_refused: bool = False,
    ) -> None:
        self._decide = decide
        self._seconds = seconds
        self._keeps_refused = keeps_refused
        self._attempts: Counter[str] = Counter()
        self.calls: list[list[str]] = []
        self.held: dict[str, Delivery] = {}
        self.under_way = 0
        self.most_under_way = 0

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """See ``ports.Sink``."""
        ids = [delivery.event_id for delivery in deliveries]
        assert ids, "called without events"
        assert len(set(ids)) == len(ids), "called with the same event twice"
        self.calls.append(ids)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self._seconds(len(self.calls) - 1))
        finally:
            self.under_way -= 1
        refused = {}
        for delivery in deliveries:
            answer = self._decide(delivery, self._attempts[delivery.event_id])
            self._attempts[delivery.event_id] += 1
            if answer is None or self._keeps_refused:
                self.held[delivery.event_id] = delivery
            if answer is not None:
                refused[delivery.event_id] = answer
        return refused


def every_ack_well(_delivery: Delivery, _attempt: int, _token: str | None) -> Answer:
    """Return success for every ack."""
    return None


class FakeAcker:
    """A ``ports.Acker``.

    Args:
        decide: Returns the answer for a delivery, the number of the attempt, from 0, and the token.
        seconds: Returns the duration of a call by its number, from 0.
        after: The sinks that must hold an event when it is acked.

    Attributes:
        calls: The ``ack_info`` of each delivery of each call.
        tokens: The token of each call.
        acked: The ``ack_info`` of each confirmed ack, in order.
        premature: The ids of events that were acked before all sinks held them.
    """

    def __init__(
        self,
        decide: Callable[[Delivery, int, str | None], Answer] = every_ack_well,
        *,
        seconds: Callable[[int], float] = no_time,
        after: Sequence[FakeSink] = (),
    ) -> None:
        self._decide = decide
        self._seconds = seconds
        self._after = after
        self._attempts: Counter[str] = Counter()
        self.calls: list[list[str]] = []
        self.tokens: list[str | None] = []
        self.acked: list[str] = []
        self.premature: list[str] = []

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Failure | None]:
        """See ``ports.Acker``."""
        assert deliveries, "called without deliveries"
        assert all(delivery.ack_info for delivery in deliveries), "called without a handle"
        assert timeout_seconds >= 0
        self.calls.append([delivery.ack_info for delivery in deliveries])
        self.tokens.append(token)
        # The request is sent at once, and may take effect although its answer is lost.
        self.premature.extend(
            delivery.event_id
            for delivery in deliveries
            if any(delivery.event_id not in sink.held for sink in self._after)
        )
        takes = self._seconds(len(self.calls) - 1)
        await asyncio.sleep(min(takes, timeout_seconds))
        if takes >= timeout_seconds:
            return [TIMED_OUT] * len(deliveries)
        return [self._answer(delivery, token) for delivery in deliveries]

    def _answer(self, delivery: Delivery, token: str | None) -> Answer:
        answer = self._decide(delivery, self._attempts[delivery.ack_info], token)
        self._attempts[delivery.ack_info] += 1
        if answer is None:
            self.acked.append(delivery.ack_info)
        return answer


@dataclass
class FakeAuthorization:
    """A ``ports.Authorization``.

    Attributes:
        current: The token.
        renewed: The token that replaces it, once; None if there is none.
        error: The error that the first renewal raises instead.
        rejections: The arguments of calls of :meth:`renew`.
        renewals: How often the token was replaced.
    """

    current: str | None = "token-1"
    renewed: str | None = "token-2"
    error: TokenError | None = None
    rejections: list[str | None] = field(default_factory=list)
    renewals: int = 0

    def token(self) -> str | None:
        """See ``ports.Authorization``."""
        return self.current

    def renew(self, rejected: str | None) -> bool:
        """See ``ports.Authorization``."""
        self.rejections.append(rejected)
        if rejected != self.current:
            return True
        if self.renewed is None:
            return False
        if self.error is not None:
            self.renewed = None  # at most once in a run
            raise self.error
        self.current, self.renewed = self.renewed, None
        self.renewals += 1
        return True


@dataclass(frozen=True)
class Arrival:
    """Messages that reach a connection together.

    Attributes:
        at: Seconds after the connection was opened.
        messages: One or more.
    """

    at: float
    messages: Sequence[bytes]


@dataclass(frozen=True)
class Script:
    """The script of one connection.

    Attributes:
        arrivals: In the order of their times.
        ends_at: When the server ends it, in seconds after it was opened; None for never.
        error: The error that it ends with.
        refused_with: The error that :meth:`FakeConnection.opened` raises.
        opening_seconds: How long it takes to open.
        proven_at: From when the event API answers probes, in seconds after it was opened; earlier
            probes get no answer.
    """

    arrivals: Sequence[Arrival] = ()
    ends_at: float | None = None
    error: StreamError = field(default_factory=lambda: StreamEnded("made up"))
    refused_with: StreamError | None = None
    opening_seconds: float = 0.0
    proven_at: float = 0.0


def _nothing() -> None:
    """Do nothing."""


class FakeEventSource:
    """A ``ports.EventSource`` whose connections follow scripts; those after the last are quiet.

    Messages that a closed connection has not read are sent first on the next one.

    Args:
        scripts: One for each connection.
        max_unread: How many messages a connection reads ahead of the drain.
        parallel: Maximum of open connections.
        connection_class: The class of connections.

    Attributes:
        connected_at: When each connection was requested, by the running loop's clock.
        left_at: When each connection was closed.
        tokens: The token of each connection.
        handed_over: How many messages the connections have read.
        on_hand_over: Called whenever ``handed_over`` has grown.
    """

    def __init__(
        self,
        *scripts: Script,
        max_unread: int = 20,
        parallel: int = 1,
        connection_class: type[FakeConnection] | None = None,
    ) -> None:
        self._scripts = deque(scripts)
        self._parallel = parallel
        self._connection_class = connection_class or FakeConnection
        self.max_unread = max_unread
        self.unreceived: deque[bytes] = deque()
        self.connected_at: list[float] = []
        self.left_at: list[float] = []
        self.tokens: list[str | None] = []
        self.handed_over = 0
        self.on_hand_over: Callable[[], None] = _nothing

    @asynccontextmanager
    async def connect(
        self, token: str | None, on_arrival: Callable[[], None]
    ) -> AsyncIterator[FakeConnection]:
        """See ``ports.EventSource``."""
        open_connections = len(self.connected_at) - len(self.left_at)
        assert open_connections < self._parallel, "more connections at once than agreed"
        loop = asyncio.get_running_loop()
        self.connected_at.append(loop.time())
        self.tokens.append(token)
        script = self._scripts.popleft() if self._scripts else Script()
        connection = self._connection_class(self, script, on_arrival)
        try:
            yield connection
        finally:
            connection.note_arrivals()
            self.left_at.append(loop.time())


class FakeConnection:
    """A ``ports.Connection``, made by :class:`FakeEventSource`."""

    def __init__(
        self, source: FakeEventSource, script: Script, on_arrival: Callable[[], None]
    ) -> None:
        self._source = source
        self._script = script
        self._on_arrival = on_arrival
        self._arrivals = deque(script.arrivals)
        self._unread: deque[tuple[bytes, datetime]] = deque()
        self._has_room = asyncio.Event()
        self._opened_at: float | None = None

    async def opened(self) -> None:
        """See ``ports.Connection``."""
        await asyncio.sleep(self._script.opening_seconds)
        if self._script.refused_with is not None:
            raise self._script.refused_with
        self._opened_at = asyncio.get_running_loop().time()

    async def probe(self) -> None:
        """See ``ports.Connection``; answers at once."""
        assert self._opened_at is not None, "probed before it was opened"
        if asyncio.get_running_loop().time() - self._opened_at < self._script.proven_at:
            raise ApiSilent("made up: no answer to a probe")

    async def ended(self) -> NoReturn:
        """See ``ports.Connection``; reads ahead meanwhile."""
        assert self._opened_at is not None, "waited for its end before it was opened"
        while True:
            age = self.note_arrivals()
            self._read_ahead()
            has_ended = self._script.ends_at is not None and self._script.ends_at <= age
            if has_ended and not self._source.unreceived:
                raise self._script.error
            self._has_room.clear()
            try:
                async with asyncio.timeout(None if has_ended else self._next_at - age):
                    await self._has_room.wait()
            except TimeoutError:
                continue

    @property
    def unread(self) -> int:
        """See ``ports.Connection``."""
        return len(self._unread)

    def take(self, limit: int) -> Sequence[tuple[bytes, datetime]]:
        """See ``ports.Connection``."""
        self._has_room.set()
        return [self._unread.popleft() for _ in range(min(limit, len(self._unread)))]

    def _read_ahead(self) -> None:
        unreceived = self._source.unreceived
        count = min(len(unreceived), self._source.max_unread - len(self._unread))
        if count > 0:
            now = datetime.now(UTC)
            self._unread.extend((unreceived.popleft(), now) for _ in range(count))
            self._source.handed_over += count
            self._source.on_hand_over()
            self._on_arrival()

    def note_arrivals(self) -> float:
        """Deliver the arrivals that are due, and return how long the connection has been open."""
        if self._opened_at is None:
            return 0.0
        age = asyncio.get_running_loop().time() - self._opened_at
        while self._arrivals and self._arrivals[0].at <= age:
            self._source.unreceived.extend(self._arrivals.popleft().messages)
        return age

    @property
    def _next_at(self) -> float:
        """Return the time of the next event; infinite if the server never ends the connection."""
        times = [arrival.at for arrival in self._arrivals]
        if self._script.ends_at is not None:
            times.append(self._script.ends_at)
        return min(times, default=FOR_EVER)


@dataclass
class FakeSecretStore:
    """A ``ports.SecretStore``.

    Attributes:
        contents: By ARN; other secrets are empty.
        unreadable: The ARNs that can't be read.
        unwritable: The ARNs that can't be written.
        created: When secrets were created; the others don't exist.
        reads: The ARNs that were read.
        writes: The ARNs that were written.
    """

    contents: dict[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    unwritable: frozenset[str] = frozenset()
    created: dict[str, datetime] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def get(self, arn: str) -> str | None:
        """See ``ports.SecretStore``."""
        self.reads.append(arn)
        if arn in self.unreadable:
            raise CredentialsError(f"reading {arn} failed with MadeUp")
        return self.contents.get(arn)

    def created_at(self, arn: str) -> datetime | None:
        """See ``ports.SecretStore``."""
        if arn in self.unreadable:
            raise CredentialsError(f"describing {arn} failed with MadeUp")
        return self.created.get(arn)

    def put(self, arn: str, content: str) -> None:
        """See ``ports.SecretStore``."""
        if arn in self.unwritable:
            raise CredentialsError(f"writing {arn} failed with MadeUp")
        self.writes.append(arn)
        self.contents[arn] = content


NOW: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
"""The current time of the token endpoint, and of the tests that use it."""


@dataclass
class FakeTokenEndpoint:
    """A ``ports.TokenEndpoint``: its tokens are ``minted-1``, ``minted-2`` and so on.

    Attributes:
        now: When tokens are minted.
        lifetime: A token's lifetime; None if the endpoint's answer has none.
        error: The error that minting raises.
        asked: The scopes of each call.
        timeouts: The time limit of each call.
    """

    url: str = "https://id.made-up.example/oauth2/token"
    client_id: str = "made-up-id"
    now: datetime = NOW
    lifetime: timedelta | None = timedelta(hours=1)
    error: TokenError | None = None
    asked: list[str] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def mint(self, scope: str, *, timeout_seconds: float) -> AccessToken:
        """See ``ports.TokenEndpoint``; answers at once."""
        self.timeouts.append(timeout_seconds)
        self.asked.append(scope)
        if self.error is not None:
            raise self.error
        return AccessToken(
            value=f"minted-{len(self.asked)}",
            scopes=tuple(scope.split()),
            minted_at=self.now,
            expires_at=None if self.lifetime is None else self.now + self.lifetime,
        )
