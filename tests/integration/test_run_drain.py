"""The whole engine in this process, from settings to report, between real servers."""

from __future__ import annotations

import socket
import threading
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
import pytest
import trustme

from eventdrain.adapters.grpc import channel as grpc_channel
from eventdrain.adapters.grpc import channel_credentials
from eventdrain.adapters.http import system_roots
from eventdrain.drain import subscription as reading
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from eventdrain.settings import Endpoint
from eventdrain.wiring import SINKS, SinkRow
from simulator.event_server import EventServer
from tests.fakes import LEAVE_EVENT, FakeSink
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.cloud import Cloud

EVENTS: Final = 60
AUTHORITY: Final = trustme.CA()


@pytest.mark.parametrize("event_type", STREAMS)
def test_each_stream_drains(scene: Scene, event_type: str) -> None:
    """Every event of one stream is in S3 and SQS once, and acked; those of others are not."""
    scene.publish(EVENTS, event_type=event_type)
    report = scene.drain(event_type=event_type)
    assert (report.end_reason, report.received, report.acked) == ("idle", EVENTS, EVENTS)
    assert report.event_type == event_type
    assert scene.check().copies == 0
    streams = scene.event_server.ledger().streams.values()
    assert [stream.event_type for stream in streams] == [event_type]


def test_third_sink_is_a_row(scene: Scene) -> None:
    """An event is acked only once a third sink has accepted it too."""
    has_room = False
    ledger = FakeSink(lambda _delivery, _attempt: None if has_room else LEAVE_EVENT)
    row = SinkRow("ledger", "LedgerFailed", lambda *_: nullcontext(ledger))
    scene.publish(EVENTS)

    report = scene.drain(sinks=(*SINKS, row))
    assert (report.acked, report.left, report.failed) == (0, {"ledger": EVENTS}, {"ledger": EVENTS})
    assert report.as_json()["ledger_failed"] == EVENTS

    has_room = True
    report = scene.drain(sinks=(*SINKS, row))
    assert (report.end_reason, report.acked, len(ledger.held)) == ("idle", EVENTS, EVENTS)


def test_limit_is_exact(scene: Scene) -> None:
    """Exactly the limit is written and acked; the next run drains the others."""
    limit = 7
    scene.publish(EVENTS)
    report = scene.drain(max_events=limit, max_in_flight=20)
    assert (report.end_reason, report.committed, report.acked) == ("limit", limit, limit)
    evidence = scene.check(is_settled=False)
    assert evidence.archived.total() == evidence.queued.total() == limit
    assert len(evidence.ledger.acked) == limit
    scene.settle()
    assert scene.check().copies == 0


@pytest.mark.parametrize("name", ["", "made-up queue"])
def test_durable_queue_is_the_one_that_was_asked_for(scene: Scene, name: str) -> None:
    """The stream uses a durable queue of this name, from the oldest event on."""
    scene.publish(EVENTS)
    scene.drain(durable_queue_name=name, max_in_flight=33, ack_timeout=timedelta(seconds=42))
    [stream] = scene.event_server.ledger().streams.values()
    asked = stream.configuration
    assert asked.WhichOneof("stream_type") == "durable_queue"
    assert asked.durable_queue.custom_name == name
    assert asked.WhichOneof("start_position") == "start_at_oldest_possible"
    assert (asked.max_in_flight, asked.custom_ack_timeout.seconds) == (33, 42)
    assert stream.max_in_flight_seen <= 33


def test_no_secret_means_no_authorization(scene: Scene) -> None:
    """Without a credentials secret the stream is opened without any authorization."""
    with EventServer() as sandbox:
        sandbox.publish_made_up(DEFAULT_EVENT_TYPE, EVENTS)
        report = scene.drain(
            credentials_secret_arn="", api_endpoint=Endpoint.parse(sandbox.endpoint)
        )
        ledger = sandbox.ledger()
    assert report.acked == EVENTS == len(ledger.acked)
    [stream] = ledger.streams.values()
    assert "authorization" not in dict(stream.metadata)
    assert stream.client_id == ""
    assert {ack.client_id for ack in ledger.acks} == {""}
    assert scene.token_server.requests() == {}


def test_token_that_is_revoked_in_a_run_is_replaced_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is no longer accepted is renewed once, and the run continues."""
    monkeypatch.setattr(reading, "_AFTER_AUTHENTICATION_ERROR", timedelta(milliseconds=100))
    scene.publish(EVENTS)

    def revoke_and_end() -> None:
        scene.event_server.tokens.revoke_all()
        scene.event_server.abort_streams(grpc.StatusCode.UNAUTHENTICATED)

    with scene.when(lambda ledger: len(ledger.acked) >= 10, revoke_and_end):
        report = scene.drain(max_in_flight=10)
    assert (report.end_reason, report.error) == ("idle", None)
    assert scene.token_server.requests() == {"minted": 2}
    assert {failure.status for failure in scene.event_server.ledger().failures} <= {
        "UNAUTHENTICATED"
    }
    scene.settle()
    scene.check()
    assert scene.token_server.minted == 2


# --- TLS ---


@pytest.fixture(scope="module")
def server_credentials() -> grpc.ServerCredentials:
    """Return a certificate for localhost, with its key, of an authority that is not trusted."""
    certificate = AUTHORITY.issue_cert("localhost")
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])


@pytest.fixture
def fresh_trust(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Clear the trusted certificates, which are cached, before and after a test.

    gRPC gets them as bytes: it would read a file once in this process.
    """
    monkeypatch.setattr(grpc_channel, "system_roots_file", lambda: None)
    _forget()
    yield monkeypatch
    _forget()


def _forget() -> None:
    channel_credentials.cache_clear()
    system_roots.cache_clear()


def test_tls_with_a_trusted_certificate(
    cloud: Cloud,
    server_credentials: grpc.ServerCredentials,
    fresh_trust: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Stream and acks go over TLS, to a server whose certificate the system trusts."""
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    fresh_trust.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Scene(cloud, credentials=server_credentials) as scene:
        scene.publish(EVENTS)
        assert scene.event_server.endpoint.startswith("https://localhost:")
        assert scene.drain().acked == EVENTS
        assert scene.check().copies == 0


@pytest.mark.usefixtures("fresh_trust")
def test_certificate_that_nobody_trusts(
    cloud: Cloud, server_credentials: grpc.ServerCredentials
) -> None:
    """Nothing is received from a server whose certificate is not trusted."""
    with Scene(cloud, credentials=server_credentials) as scene:
        scene.publish(EVENTS)
        report = scene.drain(window=timedelta(seconds=2))
        ledger = scene.event_server.ledger()
        assert (report.received, ledger.streams, ledger.failures) == (0, {}, [])
        scene.check(is_settled=False)


def test_no_plaintext_where_tls_was_asked_for(scene: Scene) -> None:
    """Nothing but the TLS handshake is sent to a server that doesn't answer it."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listening = threading.Thread(
            target=_refuse_handshakes, args=(listener, seen), name="event-server-without-tls"
        )
        listening.start()
        endpoint = Endpoint.parse(f"https://127.0.0.1:{port}")
        report = scene.drain(api_endpoint=endpoint, window=timedelta(seconds=2))
        listener.shutdown(socket.SHUT_RDWR)
        listening.join()
    assert report.received == 0
    assert seen
    assert {first[:2] for first in seen} == {b"\x16\x03"}, "the first bytes of a TLS handshake"


def _refuse_handshakes(listener: socket.socket, seen: list[bytes]) -> None:
    """Keep the first bytes of each connection, and answer in plain text."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # it was shut down
        with connection:
            seen.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
