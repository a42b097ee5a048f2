"""The contract of ``ports.EventSource`` and its connections: gRPC, the fake, the simulation."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc
import pytest

from eventdrain.adapters.grpc import GrpcEventSource, is_api_response
from eventdrain.errors import (
    AccessRefused,
    StreamEnded,
    StreamError,
    StreamRefused,
    Unauthenticated,
)
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint
from simulator.event_server import Event, EventServer, Faults, StreamFault
from tests.contract.simulated import Simulated
from tests.deliveries import RECEIVED_AT, message, reader
from tests.fakes import Arrival, FakeEventSource, Script
from tests.faults.tcp_proxy import TcpProxy
from tests.simulation.server import BROKEN, Client
from wgtwo.events.v1.events_pb2 import StreamConfiguration
from wgtwo.subscription.v1.subscription_events_pb2 import StreamHandsetChangeEventsResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
    from contextlib import AbstractContextManager

    from eventdrain.ports import Connection, EventSource

STREAM: Final = STREAMS["handset_change"]
MAX_IN_FLIGHT: Final = 200
WAIT_SECONDS: Final = 10

MEANINGS: Final = {
    grpc.StatusCode.OK: StreamEnded,
    grpc.StatusCode.UNAVAILABLE: StreamEnded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: StreamEnded,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: AccessRefused,
    grpc.StatusCode.INVALID_ARGUMENT: StreamRefused,
}
"""Error for each status that ends a stream."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Behaviour of a server.

    Attributes:
        events: How many events it has.
        code: The status that ends the first stream after them; None to leave it open.
    """

    events: int = 0
    code: grpc.StatusCode | None = None


@dataclass(frozen=True)
class Served:
    """A source, whether the last stream was opened with a token, and what runs a coroutine."""

    source: EventSource
    was_called_with: Callable[[str | None], bool]
    run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run


@contextmanager
def fake_source(plan: Plan) -> Iterator[Served]:
    """Yield the fake, scripted to follow a plan."""
    source = FakeEventSource(_script(plan), max_unread=MAX_IN_FLIGHT)
    yield Served(source, lambda token: source.tokens[-1] == token)


def _script(plan: Plan) -> Script:
    arrivals = [Arrival(0, [message(index)]) for index in range(plan.events)]
    if plan.code is None:
        return Script(arrivals)
    error = MEANINGS[plan.code]("made up")
    if not plan.events:
        return Script(refused_with=error)
    return Script(arrivals, ends_at=arrivals[-1].at, error=error)


OPEN_FAULTS: Final = {
    grpc.StatusCode.UNAVAILABLE: "streams cannot be opened",
    grpc.StatusCode.PERMISSION_DENIED: "streams are denied",
    grpc.StatusCode.INVALID_ARGUMENT: "streams are refused",
    grpc.StatusCode.UNAUTHENTICATED: "a gateway rejects tokens of streams",
}


@contextmanager
def simulated_source(plan: Plan) -> Iterator[Served]:
    """Yield the simulation's model, which follows a plan."""
    name = None if plan.events or plan.code is None else OPEN_FAULTS.get(plan.code)
    simulated = Simulated(*filter(None, [name]), latency=1.0)
    simulated.publish(plan.events)
    server = simulated.cloud.server
    if plan.code is not None:
        # The end follows messages that have not arrived, unless the connection breaks.
        server.delay_seconds = 0.0 if plan.code.name == BROKEN else 3.0
        simulated.cloud.world.later(2.0, server.cut, plan.code.name)
    source = Client(server, simulated.process)
    yield Served(source, lambda token: simulated.process.tokens[-1] == token, simulated.run)


@contextmanager
def grpc_source(plan: Plan) -> Iterator[Served]:
    """Yield the adapter, connected to a server that follows a plan."""
    faults = Faults()
    if plan.code is not None:
        faults.inject(StreamFault(code=plan.code, after=plan.events), times=1)
    with EventServer(faults=faults) as server:
        server.tokens.issue("made-up", [STREAM.scope], timedelta(hours=1), token=TOKEN)
        publish(server, range(plan.events))

        def was_called_with(token: str | None) -> bool:
            stream = list(server.ledger().streams.values())[-1]
            expected = token and hashlib.sha256(f"Bearer {token}".encode()).hexdigest()
            return dict(stream.metadata).get("authorization") == expected

        yield Served(adapter(server.endpoint), was_called_with)


TOKEN: Final = "made-up-token"


def adapter(endpoint: str, *, max_unread: int = MAX_IN_FLIGHT, queue_name: str = "") -> EventSource:
    """Return the adapter."""
    configuration = StreamConfiguration(max_in_flight=MAX_IN_FLIGHT)
    configuration.durable_queue.custom_name = queue_name
    configuration.start_at_oldest_possible.SetInParent()
    return GrpcEventSource(
        STREAM,
        Endpoint.parse(endpoint),
        STREAM.stream_request(stream_configuration=configuration).SerializeToString(),
        max_unread=max_unread,
        timeout_seconds=60,
    )


def publish(server: EventServer, indexes: Sequence[int]) -> None:
    """Publish the events that :func:`message` makes."""
    responses = (StreamHandsetChangeEventsResponse.FromString(message(index)) for index in indexes)
    server.publish(Event.of(STREAM.event_type, response) for response in responses)


Serve: TypeAlias = "Callable[[Plan], AbstractContextManager[Served]]"
every_source: Final = pytest.mark.parametrize(
    "serve",
    [
        pytest.param(fake_source, id="fake"),
        pytest.param(simulated_source, id="simulated"),
        pytest.param(grpc_source, id="grpc"),
    ],
)


def ids(messages: Sequence[bytes]) -> list[str]:
    """Return the ids of messages' events."""
    return [reader().read(each, RECEIVED_AT).event_id for each in messages]


class Receiver:
    """Takes the messages of an open stream, as a subscription does."""

    def __init__(self, connection: Connection, arrived: asyncio.Event) -> None:
        self.connection = connection
        self._arrived = arrived
        self._ending = asyncio.create_task(connection.ended())

    async def receive(self) -> list[bytes]:
        """Wait for messages, and take all; after the last one, raise the stream's end."""
        while not self.connection.unread:
            if self._ending.done():
                await self._ending
            self._arrived.clear()
            arrival = asyncio.create_task(self._arrived.wait())
            await asyncio.wait([arrival, self._ending], return_when=asyncio.FIRST_COMPLETED)
            arrival.cancel()
        before = datetime.now(UTC)
        taken = self.connection.take(1_000_000)
        assert taken
        assert all(received_at <= before for _, received_at in taken)
        return [message for message, _ in taken]

    async def receive_many(self, count: int) -> list[bytes]:
        """Receive ``count`` messages."""
        received: list[bytes] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while len(received) < count:
                received += await self.receive()
        return received

    async def close(self) -> None:
        """Stop waiting for the stream's end."""
        self._ending.cancel()
        await asyncio.wait([self._ending])
        if not self._ending.cancelled():
            self._ending.exception()


@asynccontextmanager
async def opened(source: EventSource, token: str | None = None) -> AsyncIterator[Receiver]:
    """Open a stream."""
    arrived = asyncio.Event()
    async with source.connect(token, arrived.set) as connection:
        await connection.opened()
        receiver = Receiver(connection, arrived)
        try:
            yield receiver
        finally:
            await receiver.close()


async def drained(source: EventSource, token: str | None = None) -> tuple[list[bytes], StreamError]:
    """Receive all messages until the stream ends, and return them with the error that ended it."""
    received: list[bytes] = []
    async with asyncio.timeout(WAIT_SECONDS):
        try:
            async with opened(source, token) as stream:
                while True:
                    received += await stream.receive()
        except StreamError as error:
            return received, error
    raise AssertionError("unreachable")


# --- What every source promises ---


@every_source
def test_messages_come_in_order(serve: Serve) -> None:
    """Every message comes once, in the order in which the server sent it."""

    async def read(source: EventSource) -> list[bytes]:
        async with opened(source) as stream:
            return await stream.receive_many(150)

    with serve(Plan(events=150)) as served:
        assert ids(served.run(read(served.source))) == ids([message(i) for i in range(150)])


@every_source
@pytest.mark.parametrize("events", [0, 20])
@pytest.mark.parametrize("code", MEANINGS, ids=lambda code: code.name)
def test_end_of_the_stream_has_a_meaning(serve: Serve, code: grpc.StatusCode, events: int) -> None:
    """Messages sent before the end are received first; the error has the status's meaning."""
    if events and code is grpc.StatusCode.INVALID_ARGUMENT:
        events = 1  # this status occurs only at the begin
    with serve(Plan(events=events, code=code)) as served:
        received, error = served.run(drained(served.source))
    assert ids(received) == ids([message(index) for index in range(events)])
    assert type(error) is MEANINGS[code]


@every_source
def test_quiet_stream_is_open(serve: Serve) -> None:
    """A stream with nothing to send is open, waits, and its server answers a probe."""

    async def wait(source: EventSource) -> None:
        async with opened(source) as stream:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.receive(), 0.1)
            await stream.connection.probe()

    with serve(Plan()) as served:
        served.run(wait(served.source))


@every_source
def test_what_is_not_taken_stays(serve: Serve) -> None:
    """Messages are taken oldest first, up to the limit, also after the stream's end."""

    async def take(source: EventSource) -> list[bytes]:
        async with asyncio.timeout(WAIT_SECONDS), source.connect(None, lambda: None) as connection:
            await connection.opened()
            with pytest.raises(StreamEnded):
                await connection.ended()
            sizes = (5, 1, 100, 1)
            return [message for size in sizes for message, _ in connection.take(size)]

    with serve(Plan(events=20, code=grpc.StatusCode.UNAVAILABLE)) as served:
        assert ids(served.run(take(served.source))) == ids([message(i) for i in range(20)])


@every_source
@pytest.mark.parametrize("token", [None, TOKEN])
def test_call_carries_the_token(serve: Serve, token: str | None) -> None:
    """The stream is opened with the given token, or without any."""

    async def open_stream(source: EventSource) -> None:
        async with opened(source, token) as stream:
            await stream.receive_many(1)

    with serve(Plan(events=1)) as served:
        served.run(open_stream(served.source))
        assert served.was_called_with(token)


# --- What is true of the adapter alone ---


@pytest.mark.parametrize(
    ("code", "details", "is_proof"),
    [
        ("NOT_FOUND", None, True),
        ("INVALID_ARGUMENT", "", True),
        ("UNKNOWN", "", True),
        ("INTERNAL", None, True),
        ("PERMISSION_DENIED", "not yours", True),
        ("UNAVAILABLE", "", False),
        ("UNAUTHENTICATED", "", False),
        ("PERMISSION_DENIED", "Received http2 header with status: 403", False),
        ("UNIMPLEMENTED", "Received http2 header with status: 404", False),
        ("INTERNAL", "Received http2 header with status: 400", False),
        ("INTERNAL", "Received RST_STREAM with error code 2", False),
        ("UNKNOWN", "Stream removed", False),
        ("UNKNOWN", "No status received", False),
    ],
)
def test_answer_without_a_status_of_the_api_proves_nothing(
    code: str, details: str | None, *, is_proof: bool
) -> None:
    """A status that gRPC adds to an answer without one does not prove the API."""
    assert is_api_response(grpc.StatusCode[code], details) is is_proof


def test_second_cancellation_frees_the_thread() -> None:
    """A stream is closed even if its task is cancelled again while it leaves the stream."""

    async def cancel_twice(server: EventServer) -> None:
        async def stay() -> None:
            async with opened(adapter(server.endpoint)):
                await asyncio.Event().wait()

        task = asyncio.create_task(stay())
        await asyncio.to_thread(server.wait_until, lambda ledger: ledger.open_streams)
        for _ in range(2):
            await asyncio.sleep(0.05)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(thread.name == "event-stream" for thread in threading.enumerate())

    with EventServer() as server:
        asyncio.run(asyncio.wait_for(cancel_twice(server), WAIT_SECONDS))
        server.wait_until(lambda ledger: not ledger.open_streams)


@pytest.mark.parametrize("is_broken", [False, True], ids=["left", "left-by-an-error"])
def test_leaving_frees_thread_call_and_connection(*, is_broken: bool) -> None:
    """Thread, call and connection end with the context, even if the thread waited for room."""

    async def open_and_leave(server: EventServer, wire: TcpProxy) -> None:
        with suppress(KeyError):
            async with opened(adapter(wire.endpoint, max_unread=2)) as stream:
                assert await asyncio.wait_for(stream.receive(), WAIT_SECONDS)
                await asyncio.to_thread(server.wait_until, lambda ledger: ledger.deliveries == 50)
                assert any(thread.name == "event-stream" for thread in threading.enumerate())
                if is_broken:
                    raise KeyError
        assert not any(thread.name == "event-stream" for thread in threading.enumerate())

    with (
        EventServer() as server,
        TcpProxy(upstream_port=server.port, faults=Faults()) as wire,
    ):
        publish(server, range(50))
        asyncio.run(asyncio.wait_for(open_and_leave(server, wire), WAIT_SECONDS))
        server.wait_until(lambda ledger: not ledger.open_streams)
        assert wire.are_gone(within_seconds=WAIT_SECONDS)


def test_leaving_while_connecting_frees_the_thread() -> None:
    """Leaving a connection to a server that never answers ends its thread."""

    async def give_up(source: EventSource) -> None:
        async with source.connect(None, lambda: None) as connection:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.opened(), 0.1)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = adapter(f"http://127.0.0.1:{silent.getsockname()[1]}")
        asyncio.run(asyncio.wait_for(give_up(source), WAIT_SECONDS))
    assert not any(thread.name == "event-stream" for thread in threading.enumerate())


def test_no_more_is_read_ahead_than_allowed() -> None:
    """However much the server sends, the number of unread messages is bounded."""
    max_unread = 7

    async def read(server: EventServer) -> list[int]:
        sizes: list[int] = []
        async with opened(adapter(server.endpoint, max_unread=max_unread)) as stream:
            while sum(sizes) < MAX_IN_FLIGHT:
                # The loop is blocked until all is sent, so the thread could read all of it.
                server.wait_until(lambda ledger: ledger.deliveries == MAX_IN_FLIGHT)
                sizes.append(len(await asyncio.wait_for(stream.receive(), WAIT_SECONDS)))
        return sizes

    with EventServer() as server:
        publish(server, range(MAX_IN_FLIGHT))
        sizes = asyncio.run(read(server))
    assert sum(sizes) == MAX_IN_FLIGHT
    assert max(sizes) <= max_unread


def test_bug_in_the_reading_thread_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is no longer read must not look like a quiet one."""
    monkeypatch.setattr("eventdrain.adapters.grpc.source.datetime", None)
    with EventServer() as server:
        publish(server, range(1))
        received, error = asyncio.run(drained(adapter(server.endpoint)))
    assert (received, type(error)) == ([], StreamRefused)
    assert "unexpected AttributeError" in str(error)
