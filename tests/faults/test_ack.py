"""Faults of acks: as the events are already written, they can only be redelivered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
import pytest

from eventdrain.adapters.grpc import acker
from simulator.event_server import (
    ACK_FAILURE,
    ACK_UNANSWERED,
    ACK_UNSPECIFIED,
    AckFault,
)
from tests.faults.tcp_proxy import ConnectionFault

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_EVENTS: Final = 200
_IN_FLIGHT: Final = 40


@pytest.mark.parametrize(
    ("fault", "skip"),
    [
        (ACK_FAILURE, 0),
        (ACK_UNSPECIFIED, 90),
        (AckFault(is_taken=False, code=grpc.StatusCode.UNAVAILABLE), 185),
        (AckFault(code=grpc.StatusCode.UNAVAILABLE), 90),
        (AckFault(delay=timedelta(milliseconds=500)), 90),
    ],
    ids=["failure", "unspecified", "unavailable", "answer-lost", "slow"],
)
def test_failed_ack_is_retried(scene: Scene, fault: AckFault, skip: int) -> None:
    """An ack that fails, or whose answer is lost, succeeds later in the window, without a copy."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=15)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(fault) == 15
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


def test_ack_that_is_never_answered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ack without an answer is given up and retried; other events continue meanwhile."""
    monkeypatch.setattr(acker, "_CALL_SECONDS", 1.0)
    scene.publish(_EVENTS)
    scene.faults.inject(ACK_UNANSWERED, skip=30, times=3)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


def test_run_ends_in_time_though_acks_hang(scene: Scene) -> None:
    """If the server stops answering acks, the run ends by its own clock with true counts."""
    scene.publish(_EVENTS)
    scene.faults.inject(ACK_UNANSWERED, skip=50)
    report = scene.drain(
        max_in_flight=_IN_FLIGHT,
        allowed=timedelta(seconds=5),
        window=timedelta(seconds=1),
        reserve=timedelta(seconds=2),
    )
    assert (report.end_reason, report.acked) == ("window", 50)
    assert report.left["ack"] >= 1
    scene.settle()
    assert scene.check().copies <= 2 * _IN_FLIGHT


def test_ack_that_is_not_allowed(scene: Scene) -> None:
    """An ack that is rejected until an operator acts fails the run, with an error that says so."""
    scene.publish(_EVENTS)
    fault = AckFault(is_taken=False, code=grpc.StatusCode.PERMISSION_DENIED)
    scene.faults.inject(fault, skip=90)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.has_failed
    assert "PERMISSION_DENIED" in (report.error or "")
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies <= 4 * _IN_FLIGHT


def test_token_that_expires_mid_window(scene: Scene) -> None:
    """Acks whose token is no longer valid are sent again with a new one, without a copy."""
    scene.publish(_EVENTS)
    with scene.when(lambda ledger: len(ledger.acked) >= 40, scene.event_server.tokens.revoke_all):
        report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.token_server.minted == 2
    assert scene.check().copies == 0


def test_reset_of_the_ack_connection(scene: Scene) -> None:
    """If the connection of the acks is reset, they are sent over another, without a copy."""
    scene.publish(_EVENTS)
    scene.faults.inject(ConnectionFault(reset_after=2000), skip=1, times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(ConnectionFault(reset_after=2000)) == 1
    assert (report.end_reason, report.acked, report.connections) == ("idle", _EVENTS, 1)
    assert scene.check().copies == 0
