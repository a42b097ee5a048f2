"""The event server follows the vendor's documentation, tested with a raw gRPC client."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from simulator.child_process import ChildProcess
from simulator.event_server import (
    ALL_SCOPES,
    EVENT_TYPES,
    AckFault,
    AuthMode,
    EventServer,
)
from wgtwo.events.v1.events_pb2 import (
    AckInfo,
    AckStatus,
    StreamConfiguration,
)
from wgtwo.subscription.v1.subscription_events_pb2 import (
    AckHandsetChangeEventRequest,
    StreamHandsetChangeEventsRequest,
    StreamHandsetChangeEventsResponse,
)
from wgtwo.subscription.v1.subscription_events_pb2_grpc import SubscriptionEventServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.event_server import LedgerSnapshot

_PROJECT_FOLDER: Final = Path(__file__).parents[2]
_TIMEOUT_SECONDS: Final = 30
_LIFETIME: Final = timedelta(minutes=5)
_SUCCESS: Final = AckStatus.STATUS_CODE_SUCCESS


class _Client:
    """A connection for handset changes, which uses only the generated stubs."""

    def __init__(self, channel: grpc.Channel, token: str | None) -> None:
        self._stub = SubscriptionEventServiceStub(channel)
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self._streams: list[_Stream] = []  # kept, as garbage collection cancels a stream

    def stream(self, **configuration: Any) -> _Stream:
        """Open a stream; everything in the configuration is optional."""
        request = StreamHandsetChangeEventsRequest(
            stream_configuration=StreamConfiguration(**configuration)
        )
        call = self._stub.StreamHandsetChangeEvents(
            request, metadata=self._metadata, timeout=_TIMEOUT_SECONDS
        )
        self._streams.append(_Stream(call))
        return self._streams[-1]

    def ack(self, ack_info: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> int:
        """Ack a handle, and return the status code of the answer."""
        request = AckHandsetChangeEventRequest(ack_info=AckInfo(value=ack_info))
        answer = self._stub.AckHandsetChangeEvent(
            request, metadata=self._metadata, timeout=timeout_seconds
        )
        return answer.ack_status.status_code

    def ack_all(self, responses: list[StreamHandsetChangeEventsResponse]) -> set[int]:
        """Ack deliveries, and return the status codes of the answers."""
        return {self.ack(response.metadata.ack_info.value) for response in responses}


class _Stream:
    def __init__(self, call: Any) -> None:
        self.call = call

    def take(self, count: int) -> list[StreamHandsetChangeEventsResponse]:
        """Wait for ``count`` deliveries."""
        taken = list(islice(self.call, count))
        assert len(taken) == count, f"{self.call.code()}: {self.call.details()}"
        return taken

    def ending(self) -> grpc.StatusCode:
        """Wait until the server has ended the stream, and ignore earlier messages."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError:
            pass
        code: grpc.StatusCode = self.call.code()
        return code

    def cancel(self, server: EventServer) -> None:
        """Cancel the stream, and wait until the server has noticed."""
        before = server.ledger().open_streams
        self.call.cancel()
        server.wait_until(lambda ledger: ledger.open_streams < before)


@contextmanager
def _client(server: EventServer, token: str | None = None) -> Iterator[_Client]:
    with _channel(server) as channel:
        yield _Client(channel, token)


def _channel(server: EventServer) -> grpc.Channel:
    options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
    return grpc.insecure_channel(server.target, options=options)


def _oldest(**others: Any) -> dict[str, Any]:
    return {"start_at_oldest_possible": Empty(), **others}


def _is_joined(count: int) -> Any:
    def check(ledger: LedgerSnapshot) -> bool:
        return ledger.open_streams == count

    return check


def test_in_flight_limit_is_held_until_an_ack() -> None:
    """Only an ack makes room; never more than the requested number is in flight."""
    with EventServer() as server, _client(server) as client:
        server.publish_made_up("handset_change", 10)
        stream = client.stream(**_oldest(max_in_flight=4))
        taken = stream.take(4)
        for _ in range(6):
            assert client.ack(taken.pop(0).metadata.ack_info.value) == _SUCCESS
            taken += stream.take(1)
        (record,) = server.ledger().streams.values()
        assert (record.sent, record.max_in_flight_seen) == (10, 4)


@pytest.mark.parametrize(
    "configuration",
    [
        {"max_in_flight": 201},
        {"custom_ack_timeout": Duration(seconds=9, nanos=999_999_999)},
        {"custom_ack_timeout": Duration(seconds=601)},
        {"start_at_timestamp": Timestamp(nanos=-1)},
    ],
    ids=str,
)
def test_terms_that_are_not_offered(configuration: dict[str, Any]) -> None:
    """Terms that the vendor does not allow are rejected, and no queue is created."""
    with EventServer() as server, _client(server) as client:
        assert client.stream(**configuration).ending() is grpc.StatusCode.INVALID_ARGUMENT
        ledger = server.ledger()
        assert (len(ledger.streams), len(ledger.failures)) == (0, 1)


@pytest.mark.parametrize("auth", AuthMode)
@pytest.mark.parametrize("kind", ["none", "unknown", "expired", "revoked", "valid"])
def test_token_rules(auth: AuthMode, kind: str) -> None:
    """Production needs a valid token; the sandbox accepts no token, but not an invalid one.

    The ledger never has the token itself.
    """
    with EventServer(auth=auth) as server:
        server.publish_made_up("handset_change", 1)
        lifetime = timedelta(0) if kind == "expired" else _LIFETIME
        issued = server.tokens.issue("made-up-client", ALL_SCOPES, lifetime).token
        if kind == "revoked":
            server.tokens.revoke(issued)
        token = {"none": None, "unknown": "made-up-by-nobody"}.get(kind, issued)
        with _client(server, token) as client:
            stream = client.stream(**_oldest())
            if kind == "valid" or (kind == "none" and auth is AuthMode.SANDBOX):
                assert client.ack_all(stream.take(1)) == {_SUCCESS}
            else:
                assert stream.ending() is grpc.StatusCode.UNAUTHENTICATED
                with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
                    client.ack("made-up")
            assert token is None or token not in repr(server.ledger())


# --- Faults: tests/faults has a test of each. ---


def test_stop_ends_waiting_calls_and_threads() -> None:
    """A stop doesn't wait for open streams or delayed answers, and leaves no thread."""
    before = set(threading.enumerate())
    fault = AckFault(delay=timedelta(hours=1))
    server = EventServer().start()
    try:
        with _client(server) as client:
            server.faults.inject(fault)
            stream = client.stream()
            server.wait_until(_is_joined(1))
            asking = threading.Thread(target=_ignore_failure, args=(client,))
            asking.start()
            while not server.faults.struck(fault):
                threading.Event().wait(0.01)
            server.stop()
            asking.join(_TIMEOUT_SECONDS)
            assert stream.ending() is not grpc.StatusCode.OK
            assert not asking.is_alive()
    finally:
        server.stop()
    left = {each for each in set(threading.enumerate()) - before if "event-server" in each.name}
    assert left == set()


def _ignore_failure(client: _Client) -> None:
    try:
        client.ack("made-up")
    except grpc.RpcError:
        return


def test_clients_need_no_proto_files() -> None:
    """Without a token, reflection describes each method that the server has, as grpcurl asks."""
    with EventServer(auth=AuthMode.PRODUCTION) as server, _channel(server) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        offered = {*database.get_services()} - {reflection.SERVICE_NAME}
        described = DescriptorPool(database)
        methods = {
            method.full_name: (method.input_type.full_name, method.output_type.full_name)
            for service in offered
            for method in described.FindServiceByName(service).methods
        }
    assert offered == {kind.service for kind in EVENT_TYPES.values()}
    for kind in EVENT_TYPES.values():
        streamed = (kind.request.DESCRIPTOR.full_name, kind.response.DESCRIPTOR.full_name)
        assert methods.pop(f"{kind.service}.{kind.stream_method}") == streamed
        assert methods.pop(f"{kind.service}.{kind.ack_method}")
    assert methods == {}


# --- By itself: ``python -m simulator.event_server``. ---


@contextmanager
def _process(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the server as a user does, in its own process on a free port."""
    command = [sys.executable, "-m", "simulator.event_server", "--port", "0", *options]
    with ChildProcess(
        command,
        cwd=_PROJECT_FOLDER,
        env={**os.environ, "PYTHONPATH": "layers/wgtwo:layers/eventdrain"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _printed(process: subprocess.Popen[str], pattern: str) -> str:
    """Read the process's output until a line matches, and return the match's only group."""
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(pattern, line):
            return match[1]
    raise AssertionError(f"it ended with {process.wait()} before it printed {pattern}")


def test_server_by_itself() -> None:
    """It prints its address, a token and example calls, and at the end its totals.

    Acks are refused and streams broken as its options say.
    """
    options = ("--auth", "production", "--events", "3", "--rate", "50", "--refuse-acks", "1")
    with _process(*options, "--break-streams-after", "5") as process:
        target = _printed(process, r"listens on (\S+),")
        token = _printed(process, r"TOKEN=(\S+)")
        service = _printed(process, r"grpcurl .* (\S+)/AckHandsetChangeEvent$")
        assert service == EVENT_TYPES["handset_change"].service
        with grpc.insecure_channel(target) as channel:
            client = _Client(channel, token)
            stream = client.stream(**_oldest())
            assert client.ack_all(stream.take(5)) == {AckStatus.STATUS_CODE_FAILURE}
            assert stream.ending() is grpc.StatusCode.UNAVAILABLE
        process.send_signal(signal.SIGTERM)
        assert "deliveries 5," in _printed(process, r"^Ended: (.*)")
        assert process.wait(_TIMEOUT_SECONDS) == 0
