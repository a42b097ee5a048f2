"""What befalls acks: an event is written by then, so it can only come again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
import pytest

from simulator.event_server import AckFault, Answer, ServerRules, StreamFault
from simulator.event_server.faults import (
    ACK_FAILURE,
    ACK_FORGOTTEN,
    ACK_UNANSWERED,
    ACK_UNSPECIFIED,
)
from tests.faults.cases import cases
from tests.faults.scene import Scene
from tests.faults.tcp_proxy import ConnectionFault

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

_EVENTS: Final = 200
_IN_FLIGHT: Final = 40
_MOMENTS: Final = {"first-commit": 0, "mid-window": 90, "last-commit": 185}
"""How many acks come first."""

_NOT_TAKEN: Final = cases(
    {
        "failure": ACK_FAILURE,
        "unavailable": AckFault(is_taken=False, code=grpc.StatusCode.UNAVAILABLE),
    },
    {
        "unspecified": ACK_UNSPECIFIED,
        "deadline-exceeded": AckFault(is_taken=False, code=grpc.StatusCode.DEADLINE_EXCEEDED),
        "resource-exhausted": AckFault(is_taken=False, code=grpc.StatusCode.RESOURCE_EXHAUSTED),
        "internal": AckFault(is_taken=False, code=grpc.StatusCode.INTERNAL),
        "slow": AckFault(delay=timedelta(milliseconds=500)),
    },
    _MOMENTS,
)
_ANSWER_LOST: Final = cases(
    {"unavailable": AckFault(code=grpc.StatusCode.UNAVAILABLE)},
    {"unknown": AckFault(code=grpc.StatusCode.UNKNOWN)},
    _MOMENTS,
)


@pytest.mark.parametrize(("fault", "skip"), _NOT_TAKEN)
def test_refused_ack_is_tried_again(scene: Scene, fault: AckFault, skip: int) -> None:
    """An ack that the server did not take succeeds later in the same window, without a copy."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=15)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(fault) == 15
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


@pytest.mark.parametrize(("fault", "skip"), _ANSWER_LOST)
def test_lost_answer_is_asked_for_again(scene: Scene, fault: AckFault, skip: int) -> None:
    """An ack that the server took and whose answer was lost is repeated, and confirmed."""
    scene.publish(_EVENTS)
    scene.faults.inject(fault, skip=skip, times=15)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


def test_lost_answer_where_repeated_acks_are_refused(cloud: Cloud) -> None:
    """A server that refuses the second ack of an event: it is counted as left, and isn't lost."""
    with Scene(cloud, rules=ServerRules(repeated_acks=Answer.REFUSE)) as scene:
        scene.publish(_EVENTS)
        scene.faults.inject(AckFault(code=grpc.StatusCode.UNAVAILABLE), skip=100, times=5)
        report = scene.drain(max_in_flight=_IN_FLIGHT)
        assert (report.end_reason, report.acked) == ("idle", _EVENTS - 5)
        assert report.left == {"ack": 5}
        assert report.failures == {"ack:STATUS_CODE_FAILURE": 5}
        scene.settle()
        assert scene.check().copies == 0


def test_ack_that_is_always_refused_is_left(scene: Scene) -> None:
    """Acks that the server keeps refusing are counted as left, and the run is no failure."""
    scene.publish(20)
    scene.faults.inject(ACK_FAILURE)
    report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=4))
    assert not report.has_failed
    assert (report.committed, report.acked) == (20, 0)
    assert report.left == {"ack": 20}
    scene.settle()
    assert scene.check().copies <= 2 * 20


def test_ack_that_is_never_answered(scene: Scene) -> None:
    """Acks without an answer are given up after seconds and tried again; others go on meanwhile."""
    scene.publish(_EVENTS)
    scene.faults.inject(ACK_UNANSWERED, skip=30, times=3)
    report = scene.drain(max_in_flight=_IN_FLIGHT, allowed=timedelta(seconds=30))
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.check().copies == 0


def test_run_ends_in_time_though_acks_hang(scene: Scene) -> None:
    """The server answers no ack any more: the run ends by its own clock, its counts right."""
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


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNIMPLEMENTED"])
def test_ack_that_may_not_be(scene: Scene, code: str) -> None:
    """An ack that won't be taken before somebody acts fails the run, and the error says so."""
    scene.publish(_EVENTS)
    scene.faults.inject(AckFault(is_taken=False, code=grpc.StatusCode[code]), skip=90)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.has_failed
    assert report.error is not None
    assert code in report.error
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies <= 4 * _IN_FLIGHT


@pytest.mark.parametrize("stale_acks", Answer)
def test_ack_after_its_time_out(cloud: Cloud, stale_acks: Answer) -> None:
    """Acks that come after the ack time-out are taken or refused; either way nothing is lost."""
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
    """The server breaks the stream under way of the acks, and takes or refuses them then."""
    with Scene(cloud, rules=ServerRules(acks_after_end=acks_after_end)) as scene:
        scene.publish(_EVENTS)
        scene.faults.inject(AckFault(delay=timedelta(milliseconds=300)), skip=40, times=40)
        with scene.when(lambda ledger: len(ledger.acked) >= 40, scene.event_server.abort_streams):
            report = scene.drain(max_in_flight=_IN_FLIGHT)
        assert (report.end_reason, report.connections) == ("idle", 2)
        scene.settle()
        assert scene.check().copies <= 2 * 2 * _IN_FLIGHT


def test_event_that_comes_again_after_its_ack(scene: Scene) -> None:
    """The server forgets acks that it confirmed: the events are written and acked once more."""
    scene.publish(_EVENTS)
    scene.faults.inject(ACK_FORGOTTEN, skip=50, times=20)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked, report.redelivered) == ("idle", _EVENTS + 20, 20)
    scene.settle()
    assert scene.check().copies <= 2 * 20


def test_token_that_expires_mid_window(scene: Scene) -> None:
    """Acks with a token that is no longer valid are made again with a new one, without a copy."""
    scene.publish(_EVENTS)
    with scene.when(lambda ledger: len(ledger.acked) >= 40, scene.event_server.tokens.revoke_all):
        report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS)
    assert scene.token_server.minted == 2
    assert scene.check().copies == 0


def test_reset_of_the_ack_connection(scene: Scene) -> None:
    """The connection of the acks is reset: they are made again over another, without a copy."""
    scene.publish(_EVENTS)
    scene.faults.inject(ConnectionFault(reset_after=2000), skip=1, times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(ConnectionFault(reset_after=2000)) == 1
    assert (report.end_reason, report.acked, report.connections) == ("idle", _EVENTS, 1)
    assert scene.check().copies == 0


def test_limit_is_hard_though_acks_fail(scene: Scene) -> None:
    """No more events are written than the limit says, however the acks go."""
    scene.publish(_EVENTS)
    scene.faults.inject(ACK_FAILURE, skip=10, times=30)
    scene.faults.inject(StreamFault(in_flight_factor=5))
    report = scene.drain(max_in_flight=_IN_FLIGHT, max_events=60)
    assert (report.end_reason, report.committed) == ("limit", 60)
    evidence = scene.check(is_settled=False)
    assert (evidence.archived.total(), evidence.queued.total()) == (60, 60)
    scene.settle()
    scene.check()
