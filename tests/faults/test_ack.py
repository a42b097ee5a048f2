"""Faults of acks: as the events are already written, they can only be redelivered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
import pytest

from eventdrain.adapters.grpc import acker
from simulator.event_server import (
    ACK_FAILURE,
    ACK_FORGOTTEN,
    ACK_UNANSWERED,
    ACK_UNSPECIFIED,
    AckFault,
    Answer,
    ServerRules,
)
from tests.faults.scene import Scene
from tests.faults.tcp_proxy import ConnectionFault

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

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


def test_lost_answer_where_repeated_acks_are_rejected(cloud: Cloud) -> None:
    """If the server rejects the second ack of an event, it is counted as left and not lost."""
    with Scene(cloud, rules=ServerRules(repeated_acks=Answer.REFUSE)) as scene:
        scene.publish(_EVENTS)
        scene.faults.inject(AckFault(code=grpc.StatusCode.UNAVAILABLE), skip=100, times=5)
        report = scene.drain(max_in_flight=_IN_FLIGHT)
        assert (report.end_reason, report.acked) == ("idle", _EVENTS - 5)
        assert report.left == {"ack": 5}
        assert report.failures == {"ack:STATUS_CODE_FAILURE": 5}
        scene.settle()
        assert scene.check().copies == 0


def test_ack_that_is_always_rejected_is_left(scene: Scene) -> None:
    """Acks that the server keeps rejecting are counted as left, and the run succeeds."""
    scene.publish(20)
    scene.faults.inject(ACK_FAILURE)
    report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=2))
    assert not report.has_failed
    assert (report.committed, report.acked) == (20, 0)
    assert report.left == {"ack": 20}
    scene.settle()
    assert scene.check().copies <= 2 * 20


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


@pytest.mark.parametrize("stale_acks", Answer)
def test_ack_after_its_time_out(cloud: Cloud, stale_acks: Answer) -> None:
    """Whether the server accepts or rejects acks after their time-out, nothing is lost."""
    rules = ServerRules(clock_speed=20, stale_acks=stale_acks)
    with Scene(cloud, rules=rules) as scene:
        scene.publish(60)
        # 10 s at the server's speed are half a second.
        scene.faults.inject(AckFault(delay=timedelta(milliseconds=800)), times=30)
        scene.drain(
            max_in_flight=_IN_FLIGHT,
            ack_timeout=timedelta(seconds=10),
            window=timedelta(seconds=4),
        )
        scene.settle(ack_timeout=timedelta(seconds=10))
        evidence = scene.check()
        assert evidence.ledger.redeliveries > 0
        assert evidence.copies <= 2 * evidence.ledger.redeliveries


@pytest.mark.parametrize("acks_after_end", Answer)
def test_ack_after_the_stream_has_ended(cloud: Cloud, acks_after_end: Answer) -> None:
    """If the stream breaks during acks, nothing is lost, whether or not they are accepted."""
    with Scene(cloud, rules=ServerRules(acks_after_end=acks_after_end)) as scene:
        scene.publish(_EVENTS)
        scene.faults.inject(AckFault(delay=timedelta(milliseconds=300)), skip=40, times=40)
        with scene.when(lambda ledger: len(ledger.acked) >= 40, scene.event_server.abort_streams):
            report = scene.drain(max_in_flight=_IN_FLIGHT)
        assert (report.end_reason, report.connections) == ("idle", 2)
        scene.settle()
        assert scene.check().copies <= 2 * 2 * _IN_FLIGHT


def test_event_that_comes_again_after_its_ack(scene: Scene) -> None:
    """Events whose confirmed acks the server forgets are written and acked once more."""
    scene.publish(_EVENTS)
    scene.faults.inject(ACK_FORGOTTEN, skip=50, times=20)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked, report.redelivered) == ("idle", _EVENTS + 20, 20)
    scene.settle()
    assert scene.check().copies <= 2 * 20


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
