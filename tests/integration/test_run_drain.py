"""The engine whole, in this process: from its settings to its report, between real servers."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
import pytest

from eventdrain.adapters.grpc import channel_credentials
from eventdrain.adapters.http import system_roots
from eventdrain.drain import subscription as reading
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from eventdrain.settings import Endpoint
from simulator.event_server import EventServer, StreamFault
from simulator.event_server.faults import DELIVERED_TWICE
from tests.faults.scene import CLIENT_ID, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.cloud import Cloud

EVENTS: Final = 60


@pytest.mark.parametrize("event_type", STREAMS)
def test_each_stream_drains(scene: Scene, event_type: str) -> None:
    """Every event of a stream, and of no other, is in S3 and in SQS once, and acked."""
    scene.publish(EVENTS, event_type=event_type)
    report = scene.drain(event_type=event_type)
    assert (report.end_reason, report.received, report.acked) == ("idle", EVENTS, EVENTS)
    assert report.event_type == event_type
    assert scene.check().copies == 0
    streams = scene.event_server.ledger().streams.values()
    assert [stream.event_type for stream in streams] == [event_type]


def test_nothing_to_drain(scene: Scene) -> None:
    """A quiet stream ends the run as idle, with nothing written and nothing left."""
    report = scene.drain()
    assert (report.end_reason, report.received, report.batches) == ("idle", 0, 0)
    evidence = scene.check()
    assert (evidence.lines, evidence.messages) == ([], [])


@pytest.mark.parametrize("limit", [1, 7, EVENTS - 1, EVENTS])
def test_limit_is_exact(scene: Scene, limit: int) -> None:
    """So many events are written and acked, not one more; another run brings the others."""
    scene.publish(EVENTS)
    report = scene.drain(max_events=limit, max_in_flight=20)
    assert (report.end_reason, report.committed, report.acked) == ("limit", limit, limit)
    evidence = scene.check(is_settled=False)
    assert evidence.archived.total() == evidence.queued.total() == limit
    assert len(evidence.ledger.acked) == limit
    scene.settle()
    assert scene.check().copies == 0


def test_window_ends(scene: Scene) -> None:
    """A stream that goes on is read until the window ends; what came by then is committed."""
    scene.publish(EVENTS)
    scene.faults.inject(StreamFault(drip=timedelta(milliseconds=100)))
    report = scene.drain(window=timedelta(seconds=1))
    assert report.end_reason == "window"
    assert 0 < report.acked < EVENTS
    scene.check(is_settled=False)
    scene.settle()
    assert scene.check().copies == 0


def test_remaining_time_ends_the_window(scene: Scene) -> None:
    """The window is not longer than what the process has to live, less the reserve."""
    scene.publish(EVENTS)
    scene.faults.inject(StreamFault(drip=timedelta(milliseconds=100)))
    report = scene.drain(window=timedelta(minutes=10), allowed=timedelta(seconds=6))
    assert report.end_reason == "window"
    assert 0 < report.acked < EVENTS
    scene.check(is_settled=False)  # among others, that the run was over in time


@pytest.mark.parametrize("name", ["", "made-up queue"])
def test_durable_queue_is_the_one_that_was_asked_for(scene: Scene, name: str) -> None:
    """The stream reads a durable queue of this name, from the oldest event that there is."""
    scene.publish(EVENTS)
    scene.drain(durable_queue_name=name, max_in_flight=33, ack_timeout=timedelta(seconds=42))
    [stream] = scene.event_server.ledger().streams.values()
    asked = stream.configuration
    assert asked.WhichOneof("stream_type") == "durable_queue"
    assert asked.durable_queue.custom_name == name
    assert asked.WhichOneof("start_position") == "start_at_oldest_possible"
    assert (asked.max_in_flight, asked.custom_ack_timeout.seconds) == (33, 42)
    assert stream.max_in_flight_seen <= 33


def test_queues_of_different_names_don_t_share(scene: Scene) -> None:
    """Each queue gets every event; a second run of one gets no event again."""
    scene.publish(EVENTS)
    names = ("one", "another", "one")
    assert [scene.drain(durable_queue_name=name).acked for name in names] == [EVENTS, EVENTS, 0]


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


def test_token_is_minted_once_and_kept(scene: Scene) -> None:
    """Two runs share one token: it is in its secret, and every call of both carried it."""
    for seed in range(2):
        scene.publish(EVENTS, seed=seed)
        assert scene.drain().acked == EVENTS
    assert scene.token_server.requests() == {"minted": 1}
    [grant] = scene.event_server.tokens.issued()
    content = scene.cloud.secrets.get_secret_value(SecretId=scene.places.token_arn)["SecretString"]
    assert json.loads(content)["access_token"] == grant.token
    digest = hashlib.sha256(f"Bearer {grant.token}".encode()).hexdigest()
    ledger = scene.event_server.ledger()
    assert [dict(s.metadata)["authorization"] for s in ledger.streams.values()] == [digest] * 2
    assert {ack.client_id for ack in ledger.acks} == {CLIENT_ID}


def test_token_that_is_revoked_in_a_run_is_replaced_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a token is no longer accepted there is one new one, and the run goes on with it."""
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


def test_redelivered_events_have_equal_ids(scene: Scene) -> None:
    """An event that comes twice is two deliveries of one id, and both are told as they are."""
    scene.publish(EVENTS)
    scene.faults.inject(DELIVERED_TWICE, times=EVENTS)
    report = scene.drain()
    assert report.redelivered > 0
    evidence = scene.check()
    assert evidence.archived.keys() == evidence.queued.keys()
    assert len(evidence.archived) == EVENTS


# --- TLS ---


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and a server's certificate for localhost that it has signed."""

    certificate: Path
    server: grpc.ServerCredentials


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make one; the system does not trust it."""
    folder = tmp_path_factory.mktemp("authority")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca = ("-CA", "ca.pem", "-CAkey", "ca.key")
    for arguments in (
        (*new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Made-up authority"),
        (*new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"),
    ):
        kind = ("-x509", "-days", "2") if "ca.pem" in arguments else ()
        _openssl(folder, "req", *kind, *arguments)
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    signing = ("-req", "-in", "server.csr", *ca, "-CAcreateserial", "-days", "2")
    _openssl(folder, "x509", *signing, "-extfile", "names", "-out", "server.pem")
    return Authority(
        folder / "ca.pem",
        grpc.ssl_server_credentials(
            [((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())]
        ),
    )


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def fresh_trust(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Forget whom the engine trusts, before and after a test: it finds out once in its life."""
    _forget()
    yield monkeypatch
    _forget()


def _forget() -> None:
    channel_credentials.cache_clear()
    system_roots.cache_clear()


def test_tls_with_a_trusted_certificate(
    cloud: Cloud, authority: Authority, fresh_trust: pytest.MonkeyPatch
) -> None:
    """Stream and acks go over TLS, to a server that the system's trust vouches for."""
    fresh_trust.setenv("SSL_CERT_FILE", str(authority.certificate))
    with Scene(cloud, credentials=authority.server) as scene:
        scene.publish(EVENTS)
        assert scene.event_server.endpoint.startswith("https://localhost:")
        assert scene.drain().acked == EVENTS
        assert scene.check().copies == 0


@pytest.mark.usefixtures("fresh_trust")
def test_certificate_that_nobody_trusts(cloud: Cloud, authority: Authority) -> None:
    """Nothing is received from a server whose certificate is not trusted."""
    with Scene(cloud, credentials=authority.server) as scene:
        scene.publish(EVENTS)
        report = scene.drain(window=timedelta(seconds=2))
        ledger = scene.event_server.ledger()
        assert (report.received, ledger.streams, ledger.failures) == (0, {}, [])
        scene.check(is_settled=False)


def test_no_plaintext_where_tls_was_asked_for(scene: Scene) -> None:
    """A server that does not answer the TLS handshake gets to see nothing else."""
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
