"""What befalls the stream: refused, broken, silent, or carrying what nobody asked for."""

from __future__ import annotations

import random
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from simulator.event_server import DeliveryFault, ServerRules, StreamFault, made_up_events
from simulator.event_server.faults import DELIVERED_TWICE
from simulator.event_server.odd_events import (
    cut_short,
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
from tests.faults.cases import cases
from tests.faults.scene import Scene
from tests.faults.tcp_proxy import ConnectionFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.event_server import Event
    from tests.faults.cloud import Cloud

_EVENTS: Final = 200
_IN_FLIGHT: Final = 40
_COPIES: Final = 2 * 2 * _IN_FLIGHT
"""The most that one broken stream costs: what was in flight comes again, to both sinks."""

_PASSING: Final = cases(
    {
        "unavailable": grpc.StatusCode.UNAVAILABLE,
        "closed-cleanly": grpc.StatusCode.OK,
    },
    {
        "resource-exhausted": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "internal": grpc.StatusCode.INTERNAL,
        "unknown": grpc.StatusCode.UNKNOWN,
        "aborted": grpc.StatusCode.ABORTED,
        "cancelled": grpc.StatusCode.CANCELLED,
    },
    {"before-the-first-event": 0, "mid-batch": 50},
)
_LASTING: Final = cases(
    {"permission-denied": grpc.StatusCode.PERMISSION_DENIED},
    {
        "invalid-argument": grpc.StatusCode.INVALID_ARGUMENT,
        "unimplemented": grpc.StatusCode.UNIMPLEMENTED,
        "not-found": grpc.StatusCode.NOT_FOUND,
        "failed-precondition": grpc.StatusCode.FAILED_PRECONDITION,
    },
    {"at-once": 0, "mid-batch": 50},
)


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> grpc.ServerCredentials:
    """Give credentials for ``localhost`` that nobody has a reason to trust."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", "key.pem", "-out", "certificate.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    key, certificate = (folder / name for name in ("key.pem", "certificate.pem"))
    return grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])


@pytest.mark.parametrize(("code", "after"), _PASSING)
def test_broken_stream_is_opened_again(scene: Scene, code: grpc.StatusCode, after: int) -> None:
    """A stream that the server ends in a way that passes is opened again in the same window."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=code, after=after), times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.connections) == ("idle", 2)
    scene.settle()
    assert scene.check().copies <= _COPIES


@pytest.mark.parametrize(("code", "after"), _LASTING)
def test_refused_stream_ends_the_run(scene: Scene, code: grpc.StatusCode, after: int) -> None:
    """A stream that the server refuses fails the run, after what was received is committed."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=code, after=after))
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.has_failed
    assert report.error is not None
    assert code.name in report.error
    assert report.connections == 1
    assert (report.received > 0) == (after > 0)
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies <= _COPIES


def test_missing_scope_is_named(scene: Scene) -> None:
    """PERMISSION_DENIED is told with the scope that the client lacks, and where to ask for it."""
    scene.faults.inject(StreamFault(code=grpc.StatusCode.PERMISSION_DENIED))
    error = scene.drain().error or ""
    assert "subscription.handset_details:read" in error
    assert "portal" in error


def test_server_that_refuses_connections(scene: Scene) -> None:
    """Nobody listens: it is tried until the window ends, then it is told; later all arrives."""
    scene.publish(_EVENTS)
    scene.wire.refuse()
    report = scene.drain(window=timedelta(seconds=4))
    assert (report.end_reason, report.received) == ("failed", 0)
    assert "the event server refuses connections" in (report.error or "")
    assert report.connections >= 2
    scene.settle()
    assert scene.check().copies == 0


def test_certificate_that_is_not_trusted(cloud: Cloud, self_signed: grpc.ServerCredentials) -> None:
    """A certificate that no trusted authority has signed fails the run; nothing is sent."""
    with Scene(cloud, credentials=self_signed) as scene:
        scene.publish(_EVENTS)
        report = scene.drain(window=timedelta(seconds=4))
        assert scene.event_server.ledger().deliveries == 0
        assert report.has_failed
        assert "the event server's certificate is self-signed" in (report.error or "")
        scene.check(is_settled=False)


@pytest.mark.parametrize("after", [0, 20, 3_000, 20_001], ids="{}-bytes".format)
def test_reset_within_a_message(scene: Scene, after: int) -> None:
    """The stream's connection is reset after so many bytes: no part of a message is written."""
    scene.publish(_EVENTS)
    scene.faults.inject(ConnectionFault(reset_after=after), times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert scene.faults.struck(ConnectionFault(reset_after=after)) == 1
    assert (report.end_reason, report.connections) == ("idle", 2)
    scene.settle()
    assert scene.check().copies <= _COPIES


def test_all_connections_reset_while_writing(scene: Scene) -> None:
    """Every connection to the server is reset at once, acks under way: all arrives all the same."""
    scene.publish(_EVENTS)
    with scene.when(lambda ledger: len(ledger.acked) >= 60, scene.wire.reset_all):
        report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.end_reason == "idle"
    scene.settle()
    assert scene.check().copies <= _COPIES


def test_connection_age(cloud: Cloud) -> None:
    """The server ends connections by age, GOAWAY first: the run goes on over others."""
    rules = ServerRules(
        connection_age=timedelta(milliseconds=800),
        connection_age_grace=timedelta(milliseconds=100),
    )
    with Scene(cloud, rules=rules) as scene:
        scene.publish(70)
        scene.faults.inject(StreamFault(drip=timedelta(milliseconds=15)))
        report = scene.drain(max_in_flight=_IN_FLIGHT, idle=timedelta(seconds=1))
        assert report.connections >= 2
        scene.settle()
        assert scene.check().copies <= _COPIES * report.connections


def test_peer_that_is_frozen(cloud: Cloud) -> None:
    """Nothing comes over a connection that stays open: the run ends in time, with what it has."""
    # The server learns of the end of the stream by its ack time-out alone.
    with Scene(cloud, rules=ServerRules(clock_speed=20)) as scene:
        scene.publish(_EVENTS)
        scene.faults.inject(ConnectionFault(frozen_after=8_000), times=1)
        report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=2))
        assert not report.has_failed
        assert 0 < report.acked < _EVENTS
        scene.settle(ack_timeout=timedelta(seconds=10), idle=timedelta(seconds=1))
        assert scene.check().copies <= _COPIES


def test_server_that_never_answers(scene: Scene) -> None:
    """A server that takes connections and says nothing: the run ends in time, and tells."""
    scene.publish(_EVENTS)
    scene.faults.inject(ConnectionFault(frozen_after=0))
    report = scene.drain(window=timedelta(seconds=1), allowed=timedelta(seconds=8))
    assert (report.end_reason, report.received) == ("failed", 0)
    scene.settle()
    assert scene.check().copies == 0


@pytest.mark.parametrize("after", [0, 50])
def test_silence(scene: Scene, after: int) -> None:
    """A stream that stays open and says nothing more ends the run as idle, what came committed."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(is_silent=True, after=after))
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", after)
    evidence = scene.check(is_settled=False)
    assert (evidence.archived.total(), evidence.queued.total()) == (after, after)
    scene.settle()
    assert scene.check().copies == 0


def test_one_event_at_a_time(scene: Scene) -> None:
    """Events that come one by one are each written and acked without waiting for others."""
    scene.publish(12)
    scene.faults.inject(StreamFault(drip=timedelta(milliseconds=150)))
    report = scene.drain()
    assert (report.end_reason, report.acked, report.batches) == ("idle", 12, 12)
    evidence = scene.check()
    assert evidence.copies == 0
    for record in evidence.ledger.events.values():
        assert record.acks[0].at - record.deliveries[0].at < 5  # of an ack time-out of 60


def test_more_in_flight_than_asked_for(scene: Scene) -> None:
    """A server that sends ten times what may be in flight: no more than that is taken at a time."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(in_flight_factor=10))
    report = scene.drain(max_in_flight=20, max_events=60)
    assert (report.end_reason, report.committed) == ("limit", 60)
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies == 0


@pytest.mark.usefixtures("short_authentication_wait")
def test_token_that_is_not_accepted_at_once(scene: Scene) -> None:
    """A cached token that the server no longer takes is renewed, once, and the run goes on."""
    scene.drain()
    scene.event_server.tokens.revoke_all()
    scene.publish(_EVENTS)
    report = scene.drain()
    assert (report.end_reason, report.acked, report.connections) == ("idle", _EVENTS, 2)
    assert scene.token_server.minted == 2
    assert scene.check().copies == 0


@pytest.mark.usefixtures("short_authentication_wait")
def test_token_that_expires_mid_window(scene: Scene) -> None:
    """The stream ends as unauthenticated under way: with a new token the run goes on."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=grpc.StatusCode.UNAUTHENTICATED, after=70), times=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.connections) == ("idle", 2)
    assert scene.token_server.minted == 2
    scene.settle()
    assert scene.check().copies <= _COPIES


@pytest.mark.usefixtures("short_authentication_wait")
def test_token_that_is_never_accepted(scene: Scene) -> None:
    """Where the new token isn't accepted either, the run fails, and asks for no third one."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=grpc.StatusCode.UNAUTHENTICATED))
    report = scene.drain()
    assert report.has_failed
    assert "credentials secret" in (report.error or "")
    assert (scene.token_server.minted, report.connections) == (2, 2)
    scene.settle()
    assert scene.check().copies == 0


def test_client_waits_after_an_authentication_error(scene: Scene) -> None:
    """It does not try again at once: the vendor limits the rate of clients that do."""
    scene.publish(_EVENTS)
    scene.faults.inject(StreamFault(code=grpc.StatusCode.UNAUTHENTICATED), times=1)
    report = scene.drain(window=timedelta(seconds=2))
    assert (report.end_reason, report.connections) == ("failed", 1)
    assert "access token" in (report.error or "")
    assert scene.token_server.minted == 2
    scene.settle()
    assert scene.check().copies == 0


def test_event_that_comes_again_before_its_ack(scene: Scene) -> None:
    """An event that is delivered again while it is being written is acked, by either handle."""
    scene.publish(_EVENTS)
    scene.faults.inject(DELIVERED_TWICE, skip=20, times=30)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.end_reason == "idle"
    scene.settle()
    assert scene.check().copies <= 2 * 30


def test_event_without_ack_info(scene: Scene) -> None:
    """A delivery that can't be acked is written and left; its event is acked later."""
    scene.publish(_EVENTS)
    scene.faults.inject(DeliveryFault(omits_ack_info=True), skip=20, times=5)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", _EVENTS - 5)
    assert report.failures == {"ack:NoAckInfo": 5}
    scene.settle()
    assert scene.check().copies <= 2 * 5


def test_days_out_of_order(scene: Scene) -> None:
    """Events of several days, shuffled, lie in one object for each batch and day."""
    days = [datetime(2026, 3, day, 23, 59, 59, tzinfo=UTC) for day in (28, 29, 30, 31)]
    events = [
        with_timestamp(event, days[index % len(days)])
        for index, event in enumerate(made_up_events("handset_change", 80))
    ]
    random.Random(3).shuffle(events)  # noqa: S311 - an order, no secret
    scene.event_server.publish(events)
    report = scene.drain()
    assert (report.end_reason, report.acked) == ("idle", 80)
    assert scene.check().copies == 0


_BIG: Final = 3 * 1024 * 1024
_ODD: Final[dict[str, Callable[[Event], Event]]] = {
    "unknown-fields": with_unknown_fields,
    "no-metadata": without_metadata,
    "no-time": partial(with_timestamp, at=None),
    "year-1": partial(with_timestamp, at=Timestamp(seconds=-62135596800)),
    "year-9999": partial(with_timestamp, at=Timestamp(seconds=253402300799, nanos=999999999)),
    "year-10000": partial(with_timestamp, at=Timestamp(seconds=253402300800)),
    "nanos-out-of-range": partial(with_timestamp, at=Timestamp(seconds=1, nanos=-1)),
    "newlines": partial(with_text, text="+999\n\r\u2028\u2029\u0085"),
    "control-characters": partial(with_text, text="\x00\x01\x0b\x1f\x7f\ufffe\uffff\U0010ffff"),
    "looks-like-json": partial(with_text, text='"},{"event_id":"0"}\\'),
    "200-kilobytes-of-text": partial(with_text, text="made up\n" * 25_000),
}
_OVERSIZE: Final[dict[str, Callable[[Event], Event]]] = {
    "1-MiB-of-text": partial(with_text, text="x" * 1024 * 1024),
    "3-MiB-of-unknown-field": partial(of_size, size_bytes=_BIG),
    "3-MiB-of-text": partial(with_text, text="x" * _BIG),
    "3-MiB-that-take-two-bytes-each": partial(with_text, text="\u00e9" * (_BIG // 2)),
}
_UNREADABLE: Final[dict[str, Callable[[Event], Event]]] = {
    "no-payload": without_payload,
    "bad-payload": with_bad_payload,
    "bad-utf8": with_bad_utf8,
    "cut-short": cut_short,
    "no-protobuf": not_protobuf,
}


@pytest.mark.parametrize("change", _ODD.values(), ids=_ODD)
def test_odd_event_arrives(scene: Scene, change: Callable[[Event], Event]) -> None:
    """An odd event among others arrives whole, on one line, and keeps none of them back."""
    scene.publish(20)
    scene.publish_odd(change)
    scene.publish(20, seed=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", 41)
    assert scene.check().copies == 0


@pytest.mark.parametrize("change", _OVERSIZE.values(), ids=_OVERSIZE)
def test_oversize_event_is_pointed_to(scene: Scene, change: Callable[[Event], Event]) -> None:
    """An event too large for SQS is archived, and a message tells where; the others go on."""
    scene.publish(20)
    scene.publish_odd(change)
    scene.publish(20, seed=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", 41)
    assert report.as_json()["oversize"] == 1
    evidence = scene.check()
    assert evidence.copies == 0
    (pointer,) = [message for message in evidence.messages if "s3" in message]
    assert pointer["s3"]["bucket"] == scene.places.bucket
    assert evidence.ids_by_key[pointer["s3"]["key"]] == {pointer["event_id"]}


@pytest.mark.parametrize("change", _UNREADABLE.values(), ids=_UNREADABLE)
def test_unreadable_event_goes_to_quarantine(
    scene: Scene, change: Callable[[Event], Event]
) -> None:
    """What can't be a line goes to quarantine, is told of in SQS, and holds nobody back."""
    scene.publish(20)
    scene.publish_odd(change)
    scene.publish(20, seed=1)
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert report.end_reason == "idle"
    assert report.as_json()["quarantined"] == 1
    evidence = scene.check()
    (key, entry), *others = evidence.quarantine.items()
    assert not others
    assert key.endswith(f"/handset_change/{entry['event_id']}.json")
    assert entry.keys() == {"event_id", "event_type", "reason", "received_at", "raw"}
    pointers = [message["s3"] for message in evidence.messages if "s3" in message]
    assert pointers == [{"bucket": scene.places.bucket, "key": key}]


def test_message_that_is_too_large_for_grpc(scene: Scene) -> None:
    """A message over the receiving limit ends its stream each time, and the others arrive."""
    scene.publish(20)
    scene.publish_odd(partial(of_size, size_bytes=17 * 1024 * 1024))
    report = scene.drain(max_in_flight=_IN_FLIGHT, window=timedelta(seconds=3))
    assert report.acked == 20
    assert scene.log.count("RESOURCE_EXHAUSTED") >= 1
    scene.check(is_settled=False)


def test_two_publishers_of_the_same_event(scene: Scene) -> None:
    """Two events that say the very same have one id, and both are acked."""
    events = list(made_up_events("handset_change", 20, start=datetime(2026, 3, 1, tzinfo=UTC)))
    scene.event_server.publish([*events, *events])
    report = scene.drain(max_in_flight=_IN_FLIGHT)
    assert (report.end_reason, report.acked) == ("idle", 40)
