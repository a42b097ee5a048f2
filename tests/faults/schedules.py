"""Random schedules: a seed decides which faults strike when, over several windows of a scene."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import grpc

from eventdrain.events import STREAMS
from simulator.event_server import (
    ACK_FAILURE,
    ACK_FORGOTTEN,
    ACK_UNSPECIFIED,
    DELIVERED_TWICE,
    AckFault,
    Answer,
    DeliveryFault,
    Requeue,
    ServerRules,
    StreamFault,
    cut_short,
    made_up_events,
    of_size,
    with_bad_payload,
    with_bad_utf8,
    with_timestamp,
    with_unknown_fields,
    without_payload,
)
from simulator.token_server import TokenFault
from tests.faults.http_proxy import (
    GetSecretFault,
    PutObjectFault,
    PutSecretFault,
    SendBatchFault,
)
from tests.faults.invariants import violations
from tests.faults.scene import Scene
from tests.faults.tcp_proxy import ConnectionFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.event_server import Event
    from tests.faults.cloud import Cloud
    from tests.faults.invariants import Evidence

_MOST_WINDOWS: Final = 8
"""Windows after the faults have stopped, within which everything must have arrived."""
_ENTRIES: Final = 10
_UNREADABLE: Final = (cut_short, with_bad_payload, with_bad_utf8, without_payload)
_OVERSIZE: Final = 1_200_000
_FAST: Final = 10
"""Of the event server's clock: the shortest ack time-out is then a second. If it were much shorter,
no ack would be in time on a busy machine, and every event would be redelivered forever."""

_STREAM_CODES: Final = ("OK", "UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED")
_REFUSING_CODES: Final = ("PERMISSION_DENIED", "INVALID_ARGUMENT", "UNIMPLEMENTED")
_ACK_CODES: Final = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "NOT_FOUND")
_S3_ERRORS: Final = (
    (503, "SlowDown"),
    (500, "InternalError"),
    (409, "ConditionalRequestConflict"),
    (403, "AccessDenied"),
)
_SQS_ERRORS: Final = (
    (400, "RequestThrottled"),
    (503, "ServiceUnavailable"),
    (500, "InternalFailure"),
    (403, "AccessDeniedException"),
)
_SECRET_ERRORS: Final = ((400, "ThrottlingException"), (500, "InternalServiceError"))


def run_schedule(cloud: Cloud, seed: int) -> list[str]:
    """Run the schedule of a seed, and return a description of each violated invariant.

    A seed reproduces the faults, but not the timing of threads and sockets.
    """
    with Scene(cloud, rules=_rules(random.Random(seed)), seed=seed) as scene:  # noqa: S311
        return _Schedule(scene, seed).run()


def _rules(chance: random.Random) -> ServerRules:
    is_fast = chance.random() < 0.5
    return ServerRules(
        clock_speed=_FAST if is_fast else 1,
        requeue=chance.choice(list(Requeue)) if is_fast else Requeue.AT_ONCE,
        stale_acks=chance.choice(list(Answer)),
        repeated_acks=chance.choice(list(Answer)),
        acks_after_end=chance.choice(list(Answer)),
    )


class _Schedule:
    """One schedule, while it runs."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._seed = seed
        self._chance = random.Random(f"schedule {seed}")  # noqa: S311 - faults, not secrets
        self._injected: list[object] = []
        self._settings: dict[str, Any] = {
            "event_type": self._chance.choice(list(STREAMS)),
            "ack_timeout": timedelta(seconds=10),
            "parallel_streams": self._chance.choice((1, 1, 2, 4)),
            "max_in_flight": self._chance.choice((1, 7, 20, 40, 100, 200)),
            "events_per_message": self._chance.choice((1, 1, 3, 100)),
            "idle": timedelta(milliseconds=200),
            "linger": timedelta(milliseconds=self._chance.choice((5, 20, 100))),
        }
        self._found: list[str] = []

    def run(self) -> list[str]:
        scene = self._scene
        for window in range(self._chance.randint(1, 3)):
            self._publish(window)
            if self._chance.random() < 0.15:
                scene.event_server.tokens.revoke_all()
            for _ in range(self._chance.randint(1, 4)):
                self._inject()
            self._drain()
            self._found += violations(scene.evidence(is_settled=False))
            scene.faults.clear()
        self._settle()
        evidence = scene.evidence()
        self._found += violations(evidence)
        if evidence.copies > self._explained_copies(evidence):
            self._found.append(f"{evidence.copies} duplicates, more than the faults explain")
        return list(dict.fromkeys(self._found))

    def _publish(self, window: int) -> None:
        count = self._chance.randint(1, 120)
        events = list(
            made_up_events(self._settings["event_type"], count, seed=self._seed * 4 + window)
        )
        self._scene.event_server.publish(map(self._perhaps_odd, events))

    def _perhaps_odd(self, event: Event) -> Event:
        draw = self._chance.random()
        if draw < 0.05:
            return with_unknown_fields(event)
        if draw < 0.1:
            day = datetime(2026, 1, self._chance.randint(1, 31), 23, 59, 59, 999999, tzinfo=UTC)
            return with_timestamp(event, day)
        if draw < 0.13:
            return self._chance.choice(_UNREADABLE)(event)
        return of_size(event, _OVERSIZE) if draw < 0.132 else event

    def _drain(self) -> None:
        hurry = self._chance.random() < 0.2
        window = timedelta(seconds=self._chance.uniform(0.1, 0.6) if hurry else 2.5)
        reserve = timedelta(seconds=self._chance.uniform(0.1, 0.6) if hurry else 1.5)
        try:
            self._scene.drain(**self._settings, window=window, reserve=reserve)
        except Exception as error:  # noqa: BLE001 - any error is a finding
            self._found.append(f"a run raised {error!r}")

    def _settle(self) -> None:
        self._scene.faults.clear()
        # Lost deliveries are only redelivered after their ack time-out.
        idle = timedelta(milliseconds=1300)
        settings = {**self._settings, "idle": idle}
        try:
            self._scene.settle(max_windows=_MOST_WINDOWS, **settings)
        except AssertionError as error:
            self._found.append(str(error))

    def _explained_copies(self, evidence: Evidence) -> int:
        again = evidence.ledger.deliveries - len(evidence.ledger.delivered)
        lost = sum(
            self._scene.faults.struck(fault)
            for fault in set(self._injected)
            if isinstance(fault, SendBatchFault) and fault.is_forwarded
        )
        return 2 * again + _ENTRIES * int(self._settings["events_per_message"]) * lost

    def _inject(self) -> None:
        menu: tuple[Callable[[], object], ...] = (
            self._stream_fault,
            lambda: self._chance.choice((DELIVERED_TWICE, DeliveryFault(omits_ack_info=True))),
            self._ack_fault,
            lambda: PutObjectFault(**self._broken_call(_S3_ERRORS)),
            lambda: SendBatchFault(**self._broken_call(_SQS_ERRORS)),
            self._sqs_entries_fault,
            self._connection_fault,
            self._token_fault,
        )
        weights = (3, 1, 4, 4, 3, 3, 2, 1)
        fault = self._chance.choices(menu, weights)[0]()
        many = isinstance(fault, (AckFault, DeliveryFault))
        self._injected.append(fault)
        self._scene.faults.inject(
            fault,
            times=self._chance.randint(1, 40 if many else 4),
            probability=self._chance.choice((1.0, 0.5, 0.2)) if many else 1.0,
            skip=self._chance.randint(0, 60) if many else self._chance.randint(0, 4),
        )

    def _stream_fault(self) -> StreamFault:
        after = self._chance.choice((0, self._chance.randint(1, 100)))
        kind = self._chance.random()
        if kind < 0.1:
            return StreamFault(is_silent=True, after=after)
        if kind < 0.2:
            return StreamFault(in_flight_factor=self._chance.randint(2, 10))
        if kind < 0.3:
            return StreamFault(drip=timedelta(milliseconds=self._chance.randint(1, 40)))
        codes = _REFUSING_CODES if kind < 0.4 else _STREAM_CODES
        return StreamFault(code=grpc.StatusCode[self._chance.choice(codes)], after=after)

    def _ack_fault(self) -> AckFault:
        kind = self._chance.random()
        if kind < 0.4:
            return self._chance.choice((ACK_FAILURE, ACK_UNSPECIFIED, ACK_FORGOTTEN))
        if kind < 0.6:
            return AckFault(delay=timedelta(milliseconds=self._chance.randint(10, 1600)))
        code = grpc.StatusCode[self._chance.choice(_ACK_CODES)]
        return AckFault(is_taken=self._chance.random() < 0.5, code=code)

    def _broken_call(self, errors: tuple[tuple[int, str], ...]) -> dict[str, Any]:
        """Draw a fault that may strike a call of any service."""
        is_forwarded = self._chance.random() < 0.4
        kind = self._chance.random()
        if kind < 0.2:
            return {"delay": timedelta(milliseconds=self._chance.randint(10, 1400))}
        if kind < 0.5:
            return {"is_reset": True, "is_forwarded": is_forwarded}
        status, code = self._chance.choice(errors)
        return {"status": status, "code": code, "is_forwarded": is_forwarded}

    def _sqs_entries_fault(self) -> SendBatchFault:
        failed = self._chance.sample(range(_ENTRIES), self._chance.randint(1, _ENTRIES))
        return SendBatchFault(
            failed=tuple(sorted(failed)), is_senders_fault=self._chance.random() < 0.3
        )

    def _connection_fault(self) -> ConnectionFault:
        after = self._chance.choice((0, self._chance.randint(1, 30_000)))
        if self._scene.event_server.rules.clock_speed == _FAST and self._chance.random() < 0.3:
            return ConnectionFault(frozen_after=after)
        return ConnectionFault(reset_after=after)

    def _token_fault(self) -> GetSecretFault | PutSecretFault | TokenFault:
        kind = self._chance.random()
        if kind < 0.4:
            return TokenFault(status=self._chance.choice((400, 401, 500, 503)))
        fault = GetSecretFault if kind < 0.7 else PutSecretFault
        return fault(**self._broken_call(_SECRET_ERRORS))
