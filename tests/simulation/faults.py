"""The faults: one row each in ``AREAS``. To add a fault, add a row.

A fault either strikes calls of some points while it lasts, with an effect on each call; or it does
something to the whole world, once when it begins and perhaps once when it is over.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from eventdrain.errors import FailureKind
from tests.simulation.world import Point, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.simulation.cloud import Cloud
    from tests.simulation.world import Call

Effect: TypeAlias = "Callable[[Call[Any]], Awaitable[Any]]"
Deed: TypeAlias = "Callable[[Cloud, Injected], None]"


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault.

    Attributes:
        points: The calls that it strikes.
        effect: What happens to a call.
        begins: What it does to the world when it begins.
        ends: What it does when it is over.
        needs: Metrics of which a run that it struck must emit one, because a person must act.
        allows_failure: Whether runs may fail because of it.
    """

    points: tuple[Point, ...] = ()
    effect: Effect | None = None
    begins: Deed | None = None
    ends: Deed | None = None
    needs: tuple[str, ...] = ()


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
    def effect(self) -> Effect:
        """What happens to a call."""
        effect = self.kind.effect
        assert effect is not None
        return effect

    @property
    def needs(self) -> tuple[str, ...]:
        """See ``Fault``."""
        return self.kind.needs

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


def _loses_the_answer(code: str = "MadeUpReset") -> Effect:
    answer = failure(FailureKind.RETRYABLE, code)

    async def effect(call: Call[Any]) -> Any:
        await call.under_way()
        call.perform()
        await call.under_way()
        return call.failed(answer)

    return effect


async def _is_slow(call: Call[Any]) -> Any:
    slow = call.world.chance.choice((0.5, 2.0, 8.0))
    await asyncio.sleep(slow * call.world.chance.random())
    result = call.perform()
    await asyncio.sleep(slow * call.world.chance.random())
    return result


async def _answers_at_random(call: Call[Any]) -> Any:
    effects = (_fails(_RETRYABLE), _loses_the_answer(), _is_slow)
    return await call.world.chance.choice(effects)(call)


async def _acks_at_random(call: Call[Any]) -> Any:
    effects = (_fails(_RETRYABLE), _fails(_THROTTLED), _loses_the_answer())
    return await call.world.chance.choice(effects)(call)


async def _throttles_s3_denies_sqs(call: Call[Any]) -> Any:
    kind = _RETRYABLE if call.point is Point.PUT else _FATAL
    return await _fails(kind)(call)


async def _hangs(call: Call[Any]) -> Any:
    if call.world.chance.random() < 0.5:
        call.perform()
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
        runs = cloud.runs_under_way
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


def _during(**values: object) -> Fault:
    """Return a fault during which the event server has other values of some attributes."""

    def begin(cloud: Cloud, _fault: Injected) -> None:
        vars(cloud.server).update(values)
        cloud.world.oddities.update(values)

    def end(cloud: Cloud, _fault: Injected) -> None:
        for name in values:
            vars(cloud.server).pop(name, None)  # the usual value is the class's

    return Fault(begins=begin, ends=end)


def _revoke(cloud: Cloud, _fault: Injected) -> None:
    cloud.tokens.revoke_all()


_RETRYABLE, _THROTTLED = FailureKind.RETRYABLE, FailureKind.THROTTLED
_REJECTED, _FATAL = FailureKind.EVENT_REJECTED, FailureKind.FATAL
_SINKS: Final = (Point.PUT, Point.SEND)
_SECRETS: Final = (Point.GET_SECRET, Point.PUT_SECRET)
_ACCESS: Final = ("AuthenticationFailed",)

_REJECTS_TOKENS: Final = _fails(FailureKind.TOKEN_REJECTED, "UNAUTHENTICATED", "check the gateway")

SLOW_API: Final = "the API is slow"
AREAS: Final[dict[str, dict[str, Fault]]] = {
    "sinks": {
        "S3 throttles": Fault((Point.PUT,), _fails(_RETRYABLE, "SlowDown")),
        "S3 stores, the answer is lost": Fault((Point.PUT,), _loses_the_answer()),
        "S3 denies": Fault((Point.PUT,), _fails(_FATAL, "AccessDenied"), needs=("ArchiveFailed",)),
        "S3 is slow": Fault((Point.PUT,), _is_slow),
        "S3 hangs": Fault((Point.PUT,), _hangs),
        "S3 and SQS answer at random": Fault(_SINKS, _answers_at_random),
        "S3 throttles, SQS denies": Fault(_SINKS, _throttles_s3_denies_sqs),
        "SQS throttles": Fault((Point.SEND,), _fails(_RETRYABLE, "RequestThrottled")),
        "SQS takes messages, the answer is lost": Fault((Point.SEND,), _loses_the_answer()),
        "SQS takes some messages": Fault((Point.SEND,), _partly(_RETRYABLE)),
        "SQS rejects some events": Fault(
            (Point.SEND,), _partly(_REJECTED), needs=("OutboxFailed",)
        ),
        "SQS denies": Fault((Point.SEND,), _fails(_FATAL, "AccessDenied"), needs=("OutboxFailed",)),
        "SQS is slow": Fault((Point.SEND,), _is_slow),
        "SQS hangs": Fault((Point.SEND,), _hangs),
    },
    "acks": {
        "an ack fails": Fault((Point.ACK,), _fails(_RETRYABLE, "STATUS_CODE_FAILURE")),
        "acks are answered at random": Fault((Point.ACK,), _acks_at_random),
        "an ack is throttled": Fault((Point.ACK,), _fails(_THROTTLED, "RESOURCE_EXHAUSTED")),
        "an ack is taken, the answer is lost": Fault((Point.ACK,), _loses_the_answer()),
        "an ack is rejected": Fault(
            (Point.ACK,), _fails(_REJECTED, "NOT_FOUND"), needs=("AckFailed",)
        ),
        "a gateway rejects tokens of acks": Fault((Point.ACK,), _REJECTS_TOKENS),
        "acks are denied": Fault(
            (Point.ACK,), _fails(_FATAL, "PERMISSION_DENIED"), needs=("AckFailed",)
        ),
        "an ack is slow": Fault((Point.ACK,), _is_slow),
        "an ack hangs": Fault((Point.ACK,), _hangs),
        "an ack is taken, the server forgets it": _during(forgets_acks=True),
    },
    "stream": {
        "streams cannot be opened": Fault((Point.OPEN,), _fails(_RETRYABLE, "UNAVAILABLE")),
        "streams are denied": Fault(
            (Point.OPEN,), _fails(_FATAL, "PERMISSION_DENIED"), needs=_ACCESS
        ),
        "streams are refused": Fault(
            (Point.OPEN,), _fails(_REJECTED, "INVALID_ARGUMENT"), needs=("failed",)
        ),
        "a gateway rejects tokens of streams": Fault((Point.OPEN,), _REJECTS_TOKENS),
        "opening a stream is slow": Fault((Point.OPEN,), _is_slow),
        "a probe is not answered": Fault((Point.PROBE,), _fails(_RETRYABLE, "UNAVAILABLE")),
        "a probe is slow": Fault((Point.PROBE,), _is_slow),
        "all streams are cut": Fault(begins=lambda cloud, _: cloud.server.cut("UNAVAILABLE")),
        "the server closes all streams": Fault(begins=lambda cloud, _: cloud.server.cut("OK")),
        "streams are cut when they are young": _during(cuts_young="UNAVAILABLE"),
        "streams with more than asked for are refused when they are young": _during(
            cuts_young="INVALID_ARGUMENT", in_flight_factor=5
        ),
        SLOW_API: _during(is_slow=True),
        "streams are refused while open": Fault(
            begins=lambda cloud, _: cloud.server.cut("INVALID_ARGUMENT")
        ),
        "the server ends all streams for their tokens": Fault(
            begins=lambda cloud, _: cloud.server.cut("UNAUTHENTICATED")
        ),
        "the server ends all streams for the client's access": Fault(
            begins=lambda cloud, _: cloud.server.cut("PERMISSION_DENIED")
        ),
        "a gateway holds streams, the API is down": _during(is_down=True),
        "the network loses messages": _during(loses_messages=True),
        "the server sends each message twice": _during(sends_twice=True),
        "the server omits handles": _during(omits_handles=True),
        "the server sends heartbeats": _during(sends_heartbeats=True),
        "the server exceeds the in-flight limit": _during(in_flight_factor=5),
        "the server delays messages": _during(delay_seconds=1.5),
        "the server forgets its position": Fault(begins=lambda cloud, _: cloud.server.forget()),
        "events are delivered again early": Fault(
            begins=lambda cloud, _: cloud.server.expire_all()
        ),
    },
    "secrets": {
        "secrets cannot be read": Fault((Point.GET_SECRET,), _fails(_RETRYABLE)),
        "the token cannot be cached": Fault(
            (Point.PUT_SECRET,), _fails(_RETRYABLE), needs=("TokenRenewalFailed",)
        ),
        "the token is cached, the answer is lost": Fault(
            (Point.PUT_SECRET,), _loses_the_answer(), needs=("TokenRenewalFailed",)
        ),
        "secrets are slow": Fault(_SECRETS, _is_slow),
        "secrets are read stale": Fault(
            begins=lambda cloud, _: cloud.vault.go_stale(),
            ends=lambda cloud, _: cloud.vault.freshen(),
        ),
        "the token endpoint is down": Fault(
            (Point.MINT,), _fails(_RETRYABLE), needs=(*_ACCESS, "TokenRenewalFailed")
        ),
        "the token endpoint rejects the client": Fault(
            (Point.MINT,), _fails(_FATAL), needs=(*_ACCESS, "TokenRenewalFailed")
        ),
        "the token endpoint is slow": Fault((Point.MINT,), _is_slow),
        "the token endpoint hangs": Fault((Point.MINT,), _hangs),
        "all tokens are revoked": Fault(begins=_revoke),
        "all tokens are revoked, the token endpoint is down": Fault(
            (Point.MINT,), _fails(_RETRYABLE), _revoke, needs=(*_ACCESS, "TokenRenewalFailed")
        ),
        "all tokens are revoked, secrets cannot be read": Fault(
            (Point.GET_SECRET,), _fails(_RETRYABLE), _revoke
        ),
        "all tokens are revoked, new ones cannot be cached": Fault(
            (Point.PUT_SECRET,), _fails(_RETRYABLE), _revoke, needs=("TokenRenewalFailed",)
        ),
        "all tokens are revoked, secrets hang": Fault(_SECRETS, _hangs, _revoke),
        "no token is accepted": Fault(
            begins=lambda cloud, _: cloud.tokens.set_accepting(is_accepting=False),
            ends=lambda cloud, _: cloud.tokens.set_accepting(is_accepting=True),
        ),
        "the client's secret is rotated": Fault(begins=lambda cloud, _: cloud.rotate_client()),
    },
    "lambda": {
        "a run is killed": Fault(begins=_on_a_run(_kill)),
        "the next run is killed at a step": Fault(begins=_kill_next),
        "a run is frozen": Fault(begins=_on_a_run(_freeze)),
        "a tick is dropped": Fault(begins=lambda cloud, _: cloud.drop_next_tick()),
        "a tick comes twice": Fault(begins=lambda cloud, _: cloud.tick()),
        "starting a run fails": Fault((Point.START,), _fails(_RETRYABLE)),
        "a run is started, the answer is lost": Fault((Point.START,), _loses_the_answer()),
        "starting a run is slow": Fault((Point.START,), _is_slow),
        "environments are replaced": Fault(begins=lambda cloud, _: cloud.replace_environments()),
        "the clocks of new environments are wrong": Fault(
            begins=lambda cloud, fault: cloud.skew((fault.draw - 0.5) * 240),
            ends=lambda cloud, _: cloud.skew(0.0),
        ),
    },
    "beside": {
        "a consumer dies before it deletes": Fault(
            begins=lambda cloud, _: cloud.queue.consume(dies=True)
        ),
        "a consumer takes messages": Fault(begins=lambda cloud, _: cloud.queue.consume(dies=False)),
        "an object is erased": Fault(begins=lambda cloud, fault: cloud.archive.erase(fault.draw)),
        "the archive cannot be read": Fault((Point.READ,), _fails(_RETRYABLE, "SlowDown")),
        "reading the archive is denied": Fault((Point.READ,), _fails(_FATAL, "AccessDenied")),
        "reading the archive is slow": Fault((Point.READ,), _is_slow),
        "checkpoints of a replay are damaged": Fault(
            begins=lambda cloud, _: cloud.set_damaging(True),
            ends=lambda cloud, _: cloud.set_damaging(False),
        ),
        "a replay is killed": Fault(begins=lambda cloud, _: cloud.kill_replay()),
    },
}
FAULTS: Final = {name: fault for area in AREAS.values() for name, fault in area.items()}
