"""Faults of the stream: rejected, broken, silent, or carrying odd events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from eventdrain.settings import Endpoint
from simulator.event_server import (
    ServerRules,
    StreamFault,
    cut_short,
    made_up_events,
    not_protobuf,
    of_size,
    with_bad_payload,
    with_bad_utf8,
    with_text,
    with_timestamp,
    with_unknown_fields,
    without_metadata,
    without_payload,
)
from tests.contract.odd_servers import calls, serving, unanswered
from tests.faults.scene import Scene
from tests.faults.tcp_proxy import ConnectionFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.event_server import Event
    from tests.faults.cloud import Cloud

_EVENTS: Final = 200
_IN_FLIGHT: Final = 40
_COPIES: Final = 2 * 2 * _IN_FLIGHT
"""Maximum of duplicates of one broken stream: all events in flight, in both sinks."""


@pytest.mark.parametrize(
    ("code", "after"), [("UNAVAILABLE", 0), ("OK", 50), ("RESOURCE_EXHAUSTED", 50)]
)
def test_broken_stream_is_opened_again(scene: Scene, code: str, after: int) -> None:
    """A stream that ends for a passing reason is opened again in the same window."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=grpc.StatusCode[code], after=after), times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.connections) == ("idle", 2)
    scene.settle()
    assert scene.check().copies <= _COPIES


@pytest.mark.parametrize(
    ("code", "after", "named"),
    [
        ("PERMISSION_DENIED", 50, "subscription.handset_details:read"),
        ("UNIMPLEMENTED", 0, "UNIMPLEMENTED"),
    ],
)
def test_rejected_stream_fails_the_run(scene: Scene, code: str, after: int, named: str) -> None:
    """A stream that the server rejects fails the run, after what was received is committed."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=grpc.StatusCode[code], after=after))
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.has_failed
    assert named in (report.error or "")
    assert report.connections == 1
    assert (report.received > 0) == (after > 0)
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies <= _COPIES


def test_server_that_refuses_connections(scene: Scene) -> None:
    """While nobody listens, the run retries until its window ends and then fails."""
    scene.publish(_EVENTS)
    scene.wire.refuse()
    report = scene.drain(window=timedelta(seconds=3))
    assert (report.end_reason, report.received) == ("failed", 0)
    assert "the event server refuses connections" in (report.error or "")
    assert report.connections >= 2
    scene.settle()
    assert scene.check().copies == 0


def test_outage_behind_a_gateway_is_no_silence(scene: Scene) -> None:
    """A gateway that accepts streams while the API is down proves nothing: the run fails."""
    with serving(calls(unanswered)) as port:
        report = scene.drain(
            api_endpoint=Endpoint.parse(f"http://127.0.0.1:{port}"), window=timedelta(seconds=1)
        )
    assert (report.end_reason, report.received) == ("failed", 0)
    error = "the event API sent no event and answered no probe during the whole window"
    assert error in (report.error or "")


@pytest.mark.parametrize("after", [0, 20, 20_001], ids="{}-bytes".format)
def test_reset_within_a_message(scene: Scene, after: int) -> None:
    """If the connection is reset after so many bytes, no part of a message is written."""
    scene.publish(_EVENTS)
    scene.faults.inject(ConnectionFault(reset_after=after), times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(ConnectionFault(reset_after=after)) == 1
    assert (report.end_reason, report.connections) == ("idle", 2)
    scene.settle()
    assert scene.check().copies <= _COPIES


def test_all_connections_reset_while_writing(scene: Scene) -> None:
    """If every connection to the server is reset during acks, all events still arrive."""
    scene.publish(_EVENTS)
    with scene.when(lambda ledger: len(ledger.acked) >= 60, scene.wire.reset_all):
        report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.end_reason == "idle"
    scene.settle()
    assert scene.check().copies <= _COPIES


def test_connection_age(cloud: Cloud) -> None:
    """If the server ends connections by age, busy or quiet, the run continues and ends as idle."""
    rules = ServerRules(
        connection_age=timedelta(milliseconds=800),
        connection_age_grace=timedelta(milliseconds=100),
    )
    with Scene(cloud, rules=rules) as scene:
        scene.publish(70)
        scene.faults.inject(StreamFault(drip=timedelta(milliseconds=15)))
        report = scene.drain(max_in_flight=_IN_FLIGHT, idle=timedelta(seconds=2))
        assert (report.end_reason, report.error) == ("idle", None)
        assert report.connections >= 3
        scene.settle()
        assert scene.check().copies <= _COPIES * report.connections


def test_peer_that_is_frozen(cloud: Cloud) -> None:
    """If an open connection brings nothing more, the run ends in time with what it has."""
    # The server notices the end of the stream only by its ack time-out.
    with Scene(cloud, rules=ServerRules(clock_speed=20)) as scene:
        scene.publish(_EVENTS)
        scene.faults.inject(ConnectionFault(frozen_after=8_000), times=1)
        report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=2))
        assert not report.has_failed
        assert 0 < report.acked < _EVENTS
        scene.settle(ack_timeout=timedelta(seconds=10), idle=timedelta(seconds=1))
        evidence = scene.check()
        assert evidence.copies <= 2 * evidence.ledger.redeliveries


def test_server_that_never_answers(scene: Scene) -> None:
    """If a server accepts connections and sends nothing, the run ends in time and fails."""
    scene.publish(_EVENTS)
    scene.faults.inject(ConnectionFault(frozen_after=0))
    report = scene.drain(window=timedelta(seconds=1), allowed=timedelta(seconds=8))
    assert (report.end_reason, report.received) == ("failed", 0)
    scene.settle()
    assert scene.check().copies == 0


def test_one_event_at_a_time(scene: Scene) -> None:
    """Events that come one by one are each written and acked without waiting for others."""
    scene.publish(12)
    scene.faults.inject(StreamFault(drip=timedelta(milliseconds=150)))
    report = scene.drain()
    assert (report.end_reason, report.acked, report.batches) == ("idle", 12, 12)
    assert scene.check().copies == 0


def test_more_in_flight_than_asked_for(scene: Scene) -> None:
    """A server may send ten times ``max_in_flight`` events: each is committed once."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(in_flight_factor=10))
    report = scene.drain(max_in_flight=20, max_events=60)
    assert (report.end_reason, report.committed) == ("limit", 60)
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies == 0


@pytest.mark.usefixtures("short_authentication_wait")
@pytest.mark.parametrize("after", [0, 70], ids=["at-once", "mid-window"])
def test_token_that_is_rejected(scene: Scene, after: int) -> None:
    """A cached token that the server no longer accepts is renewed, and the run continues."""
    scene.drain()
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=grpc.StatusCode.UNAUTHENTICATED, after=after), times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.connections) == ("idle", 2)
    assert scene.token_server.minted == 2
    scene.settle()
    assert scene.check().copies <= (_COPIES if after else 0)


@pytest.mark.usefixtures("short_authentication_wait")
def test_token_that_is_never_accepted(scene: Scene) -> None:
    """If the new token is rejected too, the run fails and requests no third one."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=grpc.StatusCode.UNAUTHENTICATED))
    report = scene.drain()
    assert report.has_failed
    assert "credentials secret" in (report.error or "")
    assert (scene.token_server.minted, report.connections) == (2, 2)
    scene.settle()
    assert scene.check().copies == 0


_BIG: Final = 3 * 1024 * 1024
_ODD: Final[tuple[Callable[[Event], Event], ...]] = (
    with_unknown_fields,
    without_metadata,
    partial(with_timestamp, at=None),
    partial(with_timestamp, at=Timestamp(seconds=-62135596800)),  # the year 1
    partial(with_timestamp, at=Timestamp(seconds=253402300800)),  # the year 10000
    partial(with_timestamp, at=Timestamp(seconds=1, nanos=-1)),
    partial(with_text, text="+999\n\r\u2028\u2029\u0085"),
    partial(with_text, text="\x00\x01\x0b\x1f\x7f\ufffe\uffff\U0010ffff"),
    partial(with_text, text='"},{"event_id":"0"}\\'),
    partial(with_text, text="made up\n" * 25_000),
)
_OVERSIZE: Final[tuple[Callable[[Event], Event], ...]] = (
    partial(with_text, text="x" * 1024 * 1024),
    partial(of_size, size_bytes=_BIG),
    partial(with_text, text="x" * _BIG),
    partial(with_text, text="\u00e9" * (_BIG // 2)),
)
_UNREADABLE: Final = (without_payload, with_bad_payload, with_bad_utf8, cut_short, not_protobuf)


def test_odd_events_arrive(scene: Scene) -> None:
    """Odd events arrive completely, each on one line, and delay no others."""
    scene.publish(20)
    for seed, change in enumerate(_ODD):
        scene.publish_odd(change, seed=100 + seed)
    scene.publish(20, seed=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", 40 + len(_ODD))
    assert scene.check().copies == 0


def test_oversize_events_are_pointed_to(scene: Scene) -> None:
    """An event too large for SQS is archived, and its message points to it; others continue."""
    scene.publish(20)
    for seed, change in enumerate(_OVERSIZE):
        scene.publish_odd(change, seed=100 + seed)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", 20 + len(_OVERSIZE))
    assert report.oversize == len(_OVERSIZE)
    evidence = scene.check()
    assert evidence.copies == 0
    pointers = [message for message in evidence.messages if "s3" in message]
    assert len(pointers) == len(_OVERSIZE)
    for pointer in pointers:
        assert pointer["s3"]["bucket"] == scene.places.bucket
        assert pointer["event_id"] in evidence.ids_by_key[pointer["s3"]["key"]]


def test_unreadable_events_go_to_quarantine(scene: Scene) -> None:
    """An unreadable event is quarantined with a pointer in SQS, and delays no others."""
    scene.publish(20)
    for seed, change in enumerate(_UNREADABLE):
        scene.publish_odd(change, seed=100 + seed)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.quarantined) == ("idle", len(_UNREADABLE))
    evidence = scene.check()
    assert len(evidence.quarantine) == len(_UNREADABLE)
    for key, entry in evidence.quarantine.items():
        assert key.endswith(f"/handset_change/{entry['event_id']}.json")
        assert entry.keys() == {"event_id", "event_type", "reason", "received_at", "raw"}
    pointers = [message["s3"] for message in evidence.messages if "s3" in message]
    assert {pointer["key"] for pointer in pointers} == evidence.quarantine.keys()
    assert {pointer["bucket"] for pointer in pointers} == {scene.places.bucket}


def test_message_that_is_too_large_for_grpc(scene: Scene) -> None:
    """A message over the receiving limit ends its stream each time, and the others arrive."""
    scene.publish(20)
    scene.publish_odd(partial(of_size, size_bytes=17 * 1024 * 1024))
    report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=3))
    assert report.acked == 20
    assert scene.log.count("RESOURCE_EXHAUSTED") >= 1
    scene.check(is_settled=False)


def test_two_publishers_of_the_same_event(scene: Scene) -> None:
    """Two events that are identical have one id, and both are acked."""
    events = list(made_up_events("handset_change", 20, start=datetime(2026, 3, 1, tzinfo=UTC)))
    scene.event_server.publish([*events, *events])
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", 40)
