"""The faults: one row each in ``AREAS``. To add a fault, add a row.

A fault either strikes calls of some points while it lasts, with an effect on each call; or it does
something to the whole world, once when it begins and perhaps once when it is over. ``_on``,
``_once``, ``_cut``, ``_revoke`` and ``_during`` build the usual kinds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from eventdrain.errors import FailureKind
from tests.simulation.world import NO_TOKEN, Point, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.simulation.cloud import Cloud
    from tests.simulation.world import Call

Effect: TypeAlias = "Callable[[Call[Any]], Awaitable[Any]]"
Deed: TypeAlias = "Callable[[Cloud, Injected], object]"


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault.

    Attributes:
        points: The calls that it strikes.
        effect: What happens to a call.
        begins: What it does to the world when it begins.
        ends: What it does when it is over.
        needs: Metrics of which a run that it struck must emit one, because a person must act; or
            "a failure", if the run must fail.
        oddities: The attributes of the event server that it changes.
    """

    points: tuple[Point, ...] = ()
    effect: Effect | None = None
    begins: Deed | None = None
    ends: Deed | None = None
    needs: tuple[str, ...] = ()
    oddities: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        assert bool(self.points) == (self.effect is not None), "points need an effect"


class Injected(Struct, frozen=True, kw_only=True):
    """A fault in a schedule.

    Attributes:
        name: Its name in ``FAULTS``.
        at: When it begins, in seconds.
        lasts: For how many seconds.
        probability: With which it strikes a call.
        draw: A number in [0, 1) for whatever the fault must choose.
    """

    name: str
    at: float
    lasts: float
    probability: float
    draw: float

    @property
    def kind(self) -> Fault:
        """The kind of fault."""
        return FAULTS[self.name]

    @property
    def until(self) -> float:
        """When it is over, in seconds."""
        return self.at + self.lasts


# --- Effects on calls ---


def _fails(kind: FailureKind, code: str = "MadeUp", hint: str = "") -> Effect:
    answer = failure(kind, code, hint)

    async def effect(call: Call[Any]) -> Any:
        await call.under_way()
        return call.failed(answer)

    return effect


async def _loses_the_answer(call: Call[Any]) -> Any:
    await call.arrives(call.seconds / 2)
    await call.under_way()
    return call.failed(failure(FailureKind.RETRYABLE, "MadeUpReset"))


async def _is_slow(call: Call[Any]) -> Any:
    slow = call.world.chance.choice((0.5, 2.0, 8.0))
    result = await call.arrives(slow * call.world.chance.random())
    await asyncio.sleep(slow * call.world.chance.random())
    return result


def _one_of(*effects: Effect) -> Effect:
    async def effect(call: Call[Any]) -> Any:
        return await call.world.chance.choice(effects)(call)

    return effect


async def _throttles_s3_denies_sqs(call: Call[Any]) -> Any:
    kind = _RETRYABLE if call.point is Point.PUT else _FATAL
    return await _fails(kind)(call)


async def _hangs(call: Call[Any]) -> Any:
    if call.world.chance.random() < 0.5:
        await call.arrives(call.world.chance.random() * 20)
    await asyncio.sleep(30)
    return call.failed(failure(FailureKind.RETRYABLE, "MadeUpTimeout"))


def _partly(kind: FailureKind) -> Effect:
    answer = failure(kind)

    async def effect(call: Call[Any]) -> Any:
        assert call.partly is not None
        await call.under_way()
        result = call.partly(answer)
        await call.under_way()
        return result

    return effect


# --- Deeds ---


def _on_a_run(deed: Callable[[Cloud, Any, Injected], None]) -> Deed:
    """Return a deed on one of the runs that are under way."""

    def strike(cloud: Cloud, fault: Injected) -> None:
        runs = [*cloud.under_way]
        if runs:
            deed(cloud, runs[int(fault.draw * len(runs))], fault)
        else:
            cloud.world.struck[fault.name] -= 1

    return strike


def _kill(cloud: Cloud, run: Any, _fault: Injected) -> None:
    cloud.world.note("fault", "%s is killed", run.name)
    run.kill()


def _freeze(cloud: Cloud, run: Any, fault: Injected) -> None:
    run.frozen_until = max(run.frozen_until, cloud.world.time + fault.lasts)
    run.was_frozen = True


def _kill_next(cloud: Cloud, fault: Injected) -> None:
    cloud.next_dies_at = 1 + int(fault.draw**2 * 400)


def _erase(cloud: Cloud, fault: Injected) -> None:
    if keys := [*cloud.archive.objects]:
        cloud.archive.erase(keys[int(fault.draw * len(keys))])


def _little_time(cloud: Cloud, fault: Injected) -> None:
    cloud.next_share = 0.1 + fault.draw / 2


# --- Kinds of faults ---


def _on(points: Point | tuple[Point, ...], effect: Effect, *needs: str) -> Fault:
    """Return a fault with an effect on calls; see ``Fault`` for what it needs."""
    return Fault(points if isinstance(points, tuple) else (points,), effect, needs=needs)


def _once(deed: Callable[[Cloud], object]) -> Fault:
    """Return a fault that does something to the world when it begins."""
    return Fault(begins=lambda cloud, _: deed(cloud))


def _cut(code: str) -> Fault:
    """Return a fault that ends all streams with a status."""
    return _once(lambda cloud: cloud.server.cut(code))


def _revoke(points: tuple[Point, ...], effect: Effect | None, *needs: str) -> Fault:
    """Return a fault that revokes all tokens, and has an effect on calls."""
    return Fault(points, effect, lambda cloud, _: cloud.tokens.revoke_all(), needs=needs)


def _during(part: str, **values: object) -> Fault:
    """Return a fault during which a part of the world has other values of some attributes."""

    def begin(cloud: Cloud, _fault: Injected) -> None:
        for name, value in values.items():
            assert hasattr(getattr(cloud, part), name), name
            setattr(getattr(cloud, part), name, value)

    def end(cloud: Cloud, fault: Injected) -> None:
        same = (each for each in cloud.world.schedule.faults if each.name == fault.name)
        if any(each.at <= cloud.world.time < each.until for each in same):
            return  # another one of its kind goes on
        for name in values:
            vars(getattr(cloud, part)).pop(name, None)  # the usual value is the class's

    oddities = frozenset(values if part == "server" else ())
    return Fault(begins=begin, ends=end, oddities=oddities)


_RETRYABLE, _THROTTLED = FailureKind.RETRYABLE, FailureKind.THROTTLED
_REJECTED, _FATAL = FailureKind.EVENT_REJECTED, FailureKind.FATAL
_SINKS: Final = (Point.PUT, Point.SEND)
_SECRETS: Final = (Point.GET_SECRET, Point.PUT_SECRET)

_FAILS: Final = _fails(_RETRYABLE)
_DENIES: Final = _fails(_FATAL, "PERMISSION_DENIED")
_ANSWERS_AT_RANDOM: Final = _one_of(_FAILS, _loses_the_answer, _is_slow)
_ACKS_AT_RANDOM: Final = _one_of(_FAILS, _fails(_THROTTLED), _loses_the_answer)
_REJECTS_TOKENS: Final = _fails(FailureKind.TOKEN_REJECTED, "UNAUTHENTICATED", "check the gateway")
_MORE_AND_CUT: Final = _during("server", cuts_young="UNAVAILABLE", in_flight_factor=5)
_MORE_AND_REFUSED: Final = _during("server", cuts_young="INVALID_ARGUMENT", in_flight_factor=5)

SLOW_API: Final = "the API is slow"
STALE_SECRETS: Final = "secrets are read stale"
AREAS: Final[dict[str, dict[str, Fault]]] = {
    "sinks": {
        "S3 throttles": _on(Point.PUT, _fails(_RETRYABLE, "SlowDown")),
        "S3 stores, the answer is lost": _on(Point.PUT, _loses_the_answer),
        "S3 denies": _on(Point.PUT, _fails(_FATAL, "AccessDenied"), "NotAcked"),
        "S3 is slow": _on(Point.PUT, _is_slow),
        "S3 hangs": _on(Point.PUT, _hangs),
        "S3 and SQS answer at random": _on(_SINKS, _ANSWERS_AT_RANDOM),
        "S3 throttles, SQS denies": _on(_SINKS, _throttles_s3_denies_sqs),
        "SQS throttles": _on(Point.SEND, _fails(_RETRYABLE, "RequestThrottled")),
        "SQS takes messages, the answer is lost": _on(Point.SEND, _loses_the_answer),
        "SQS takes some messages": _on(Point.SEND, _partly(_RETRYABLE)),
        "SQS rejects some events": _on(Point.SEND, _partly(_REJECTED), "NotAcked"),
        "SQS denies": _on(Point.SEND, _fails(_FATAL, "AccessDenied"), "NotAcked"),
        "SQS is slow": _on(Point.SEND, _is_slow),
        "SQS hangs": _on(Point.SEND, _hangs),
        "SQS is slow, streams with more than asked for are cut": replace(
            _MORE_AND_CUT, points=(Point.SEND,), effect=_is_slow
        ),
        "SQS is slow, streams with more than asked for are refused": replace(
            _MORE_AND_REFUSED, points=(Point.SEND,), effect=_is_slow
        ),
    },
    "acks": {
        "an ack fails": _on(Point.ACK, _fails(_RETRYABLE, "STATUS_CODE_FAILURE")),
        "acks are answered at random": _on(Point.ACK, _ACKS_AT_RANDOM),
        "an ack is throttled": _on(Point.ACK, _fails(_THROTTLED, "RESOURCE_EXHAUSTED")),
        "an ack is taken, the answer is lost": _on(Point.ACK, _loses_the_answer),
        "an ack is rejected": _on(Point.ACK, _fails(_REJECTED, "NOT_FOUND"), "NotAcked"),
        "a gateway rejects tokens of acks": _on(Point.ACK, _REJECTS_TOKENS),
        "acks are denied": _on(Point.ACK, _DENIES, "NotAcked"),
        "an ack is slow": _on(Point.ACK, _is_slow),
        "an ack hangs": _on(Point.ACK, _hangs),
        "an ack is taken, the server forgets it": _during("server", forgets_acks=True),
    },
    "stream": {
        "streams cannot be opened": _on(Point.OPEN, _fails(_RETRYABLE, "UNAVAILABLE")),
        "streams are denied": _on(Point.OPEN, _DENIES, "AuthenticationFailed"),
        "streams are refused": _on(Point.OPEN, _fails(_REJECTED, "INVALID_ARGUMENT"), "a failure"),
        "a gateway rejects tokens of streams": _on(Point.OPEN, _REJECTS_TOKENS),
        "opening a stream is slow": _on(Point.OPEN, _is_slow),
        "a probe is not answered": _on(Point.PROBE, _fails(_RETRYABLE, "UNAVAILABLE")),
        "a probe is slow": _on(Point.PROBE, _is_slow),
        "all streams are cut": _cut("UNAVAILABLE"),
        "the server closes all streams": _cut("OK"),
        "streams with more than asked for are cut when they are young": _MORE_AND_CUT,
        "streams with more than asked for are refused when they are young": _MORE_AND_REFUSED,
        SLOW_API: _during("server", is_slow=True),
        "streams are refused while open": _cut("INVALID_ARGUMENT"),
        "the server ends all streams for their tokens": _cut("UNAUTHENTICATED"),
        "the server ends all streams for the client's access": _cut("PERMISSION_DENIED"),
        "a gateway holds streams, the API is down": _during("server", is_down=True),
        "the network loses messages": _during("server", loses_messages=True),
        "the server sends each message twice": _during("server", sends_twice=True),
        "the server omits handles": _during("server", omits_handles=True),
        "the server sends heartbeats": _during("server", sends_heartbeats=True),
        "the server exceeds the in-flight limit": _during("server", in_flight_factor=5),
        "the server delays messages": _during("server", delay_seconds=1.5),
        "the server forgets its position": _once(lambda cloud: cloud.server.forget()),
        "events are delivered again early": _once(lambda cloud: cloud.server.expire_all()),
    },
    "secrets": {
        "secrets cannot be read": _on(Point.GET_SECRET, _FAILS),
        "the token cannot be cached": _on(Point.PUT_SECRET, _FAILS, "TokenRenewalFailed"),
        "the token is cached, the answer is lost": _on(
            Point.PUT_SECRET, _loses_the_answer, "TokenRenewalFailed"
        ),
        "secrets are slow": _on(_SECRETS, _is_slow),
        STALE_SECRETS: _during("secrets", is_stale=True),
        "the token endpoint is down": _on(Point.MINT, _FAILS, *NO_TOKEN),
        "the token endpoint rejects the client": _on(Point.MINT, _fails(_FATAL), *NO_TOKEN),
        "the token endpoint is slow": _on(Point.MINT, _is_slow),
        "the token endpoint hangs": _on(Point.MINT, _hangs),
        "all tokens are revoked": _revoke((), None),
        "all tokens are revoked, the token endpoint is down": _revoke(
            (Point.MINT,), _FAILS, *NO_TOKEN
        ),
        "all tokens are revoked, secrets cannot be read": _revoke((Point.GET_SECRET,), _FAILS),
        "all tokens are revoked, new ones cannot be cached": _revoke(
            (Point.PUT_SECRET,), _FAILS, "TokenRenewalFailed"
        ),
        "all tokens are revoked, secrets hang": _revoke(_SECRETS, _hangs),
        "no token is accepted": _during("tokens", is_accepting=False),
        "the client's secret is rotated": _once(lambda cloud: cloud.rotate_client()),
    },
    "lambda": {
        "a run is killed": Fault(begins=_on_a_run(_kill)),
        "the next run is killed at a step": Fault(begins=_kill_next),
        "a run is frozen": Fault(begins=_on_a_run(_freeze)),
        "the next run has little time": Fault(begins=_little_time),
        "a tick is dropped": _once(lambda cloud: cloud.drop_next_tick()),
        "a tick comes twice": _once(lambda cloud: cloud.tick()),
        "starting a run fails": _on(Point.START, _FAILS),
        "a run is started, the answer is lost": _on(Point.START, _loses_the_answer),
        "starting a run is slow": _on(Point.START, _is_slow),
        "environments are replaced": _once(lambda cloud: cloud.environments.clear()),
        "the clocks of new environments are wrong": Fault(
            begins=lambda cloud, fault: cloud.skew((fault.draw - 0.5) * 240),
            ends=lambda cloud, _: cloud.skew(0.0),
        ),
    },
    "beside": {
        "a consumer dies before it deletes": _once(lambda cloud: cloud.queue.consume(dies=True)),
        "a consumer takes messages": _once(lambda cloud: cloud.queue.consume(dies=False)),
        "an object is erased": Fault(begins=_erase),
        "a day's lines are compacted": _once(lambda cloud: cloud.archive.compact()),
        "the archive cannot be read": _on(Point.READ, _fails(_RETRYABLE, "SlowDown")),
        "reading the archive is denied": _on(Point.READ, _fails(_FATAL, "AccessDenied")),
        "reading the archive is slow": _on(Point.READ, _is_slow),
        "a replay is killed": _once(lambda cloud: cloud.replaying.kill()),
    },
}
FAULTS: Final = {name: fault for area in AREAS.values() for name, fault in area.items()}
