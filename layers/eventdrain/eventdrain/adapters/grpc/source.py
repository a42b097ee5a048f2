"""The event source: a server stream over gRPC, read as raw bytes.

A synchronous stream with ``SingleThreadedUnaryStream`` costs several times less CPU time than an
asynchronous one. So a thread reads the stream into a queue, and the event loop takes from it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, NoReturn

import grpc
from grpc.experimental import ChannelOptions

from eventdrain.adapters.grpc.channel import (
    OPTIONS,
    call_metadata,
    channel_credentials,
    is_api_response,
    stream_error,
    target,
    unanswered_probe,
)
from eventdrain.errors import StreamEnded, StreamError, StreamRefused, note_unexpected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from eventdrain.events import EventStream
    from eventdrain.settings import Endpoint

_PROBE_SECONDS: Final = 5.0
_NOTING_SECONDS: Final = 5.0
_WATCH_SECONDS: Final = 0.3
"""grpcio polls a channel's state in a thread every 0.2 s while there are subscribers. The thread
fails if the channel is closed before it has noticed that there are none."""


class GrpcEventSource:
    """Opens streams; see ``ports.EventSource``.

    Args:
        stream: The stream.
        endpoint: The server.
        request: The serialised request that opens the stream.
        max_unread: The maximum number of messages that are read ahead of the drain.
        timeout_seconds: The deadline of the call, as a backstop. Normally the drain ends the
            stream, because a deadline discards messages that have arrived but were not read.
    """

    def __init__(
        self,
        stream: EventStream,
        endpoint: Endpoint,
        request: bytes,
        *,
        max_unread: int,
        timeout_seconds: float,
    ) -> None:
        self._stream = stream
        self._endpoint = endpoint
        self._request = request
        self._max_unread = max_unread
        self._timeout_seconds = timeout_seconds

    @asynccontextmanager
    async def connect(
        self, token: str | None, on_arrival: Callable[[], None]
    ) -> AsyncIterator[GrpcConnection]:
        """See ``ports.EventSource``."""
        options = (*OPTIONS, (ChannelOptions.SingleThreadedUnaryStream, 1))
        if self._endpoint.is_secure:
            channel = grpc.secure_channel(target(self._endpoint), channel_credentials(), options)
        else:
            channel = grpc.insecure_channel(target(self._endpoint), options)
        method: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            self._stream.stream_path
        )
        call = method(self._request, timeout=self._timeout_seconds, metadata=call_metadata(token))
        ack: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(self._stream.ack_path)
        probe = partial(
            ack,
            self._stream.ack_request().SerializeToString(),
            timeout=_PROBE_SECONDS,
            metadata=call_metadata(token),
        )
        connection = GrpcConnection(
            channel, call, probe, on_arrival, scope=self._stream.scope, max_unread=self._max_unread
        )
        try:
            yield connection
        finally:
            try:
                await connection.leave()
            finally:  # even if this task is cancelled again
                # This ends the call. Cancelling the call would leave the connection open.
                channel.close()
                await connection.joined()


class GrpcConnection:
    """An open stream; see ``ports.Connection``."""

    def __init__(
        self,
        channel: grpc.Channel,
        messages: Iterator[bytes],
        probe: Callable[[], bytes],
        on_arrival: Callable[[], None],
        *,
        scope: str,
        max_unread: int,
    ) -> None:
        self._channel = channel
        self._messages = messages
        self._call_api = probe
        self._scope = scope
        self._loop = asyncio.get_running_loop()
        self._on_arrival = on_arrival
        self._unread: deque[tuple[bytes, datetime]] = deque()
        self._max_unread = max_unread
        self._has_room = Event()
        self._is_announced = False
        self._changed = asyncio.Event()
        self._is_ready = False
        self._is_connectivity_known = Event()
        self._end: StreamError | None = None
        self._is_closing = False
        self._is_watched_until = math.inf
        channel.subscribe(self._note_connectivity)
        self._thread = Thread(target=self._read_all, name="event-stream", daemon=True)
        self._thread.start()

    async def opened(self) -> None:
        """See ``ports.Connection``."""
        while not self._is_ready:
            if self._end is not None:
                raise self._end
            await self._wait_for_change()
        self._stop_watching()

    async def probe(self) -> None:
        """See ``ports.Connection``. The call is an ack without a handle, over the same channel."""
        try:
            # If this is cancelled, closing the channel ends the call.
            await asyncio.to_thread(self._call_api)
        except grpc.RpcError as error:
            if not is_api_response(error.code(), error.details()):
                raise unanswered_probe(error.code(), error.details()) from None

    async def ended(self) -> NoReturn:
        """See ``ports.Connection``."""
        while self._end is None:
            await self._wait_for_change()
        raise self._end

    @property
    def unread(self) -> int:
        """See ``ports.Connection``."""
        return len(self._unread)

    def take(self, limit: int) -> Sequence[tuple[bytes, datetime]]:
        """See ``ports.Connection``."""
        self._is_announced = False
        messages = [self._unread.popleft() for _ in range(min(limit, len(self._unread)))]
        self._has_room.set()
        return messages

    async def leave(self) -> None:
        """Prepare for closing the channel."""
        self._is_closing = True
        self._stop_watching()
        self._is_connectivity_known.set()
        self._has_room.set()
        await asyncio.sleep(max(0.0, self._is_watched_until - time.monotonic()))

    async def joined(self) -> None:
        """Wait until the reading thread ends, after the channel was closed."""
        await asyncio.to_thread(self._thread.join)

    def _stop_watching(self) -> None:
        if self._is_watched_until == math.inf:
            self._channel.unsubscribe(self._note_connectivity)
            self._is_watched_until = time.monotonic() + _WATCH_SECONDS

    async def _wait_for_change(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def _note_connectivity(self, state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            self._is_ready = True
            self._loop.call_soon_threadsafe(self._changed.set)
        if state in {
            grpc.ChannelConnectivity.READY,
            grpc.ChannelConnectivity.TRANSIENT_FAILURE,
        }:
            self._is_connectivity_known.set()

    def _read_all(self) -> None:
        try:
            millisecond, received_at = 0, datetime.now(UTC)
            for message in self._messages:
                self._wait_for_room()
                if self._is_closing:
                    # Read until the stream ends: otherwise grpcio keeps its connection open.
                    continue
                if not self._is_ready:
                    self._is_ready = True
                    self._loop.call_soon_threadsafe(self._changed.set)
                # Messages of the same millisecond share a time, so that it is formatted once.
                if (now := time.time_ns() // 1_000_000) != millisecond:
                    millisecond, received_at = now, datetime.now(UTC)
                self._unread.append((message, received_at))
                if not self._is_announced:
                    self._is_announced = True
                    self._loop.call_soon_threadsafe(self._on_arrival)
            self._end = StreamEnded("the server closed the stream")
        except grpc.RpcError as error:
            if not self._is_ready:
                # The callback about connectivity may run after the call has ended.
                self._is_connectivity_known.wait(_NOTING_SECONDS)
            self._end = stream_error(
                error.code(),
                scope=self._scope,
                details=error.details(),
                is_connected=self._is_ready,
            )
        except Exception as error:  # noqa: BLE001 - a stream that nobody reads must not look quiet
            bug = note_unexpected(error, "reading the stream")
            self._end = StreamRefused(bug.reason, hint=bug.hint)
        self._loop.call_soon_threadsafe(self._changed.set)

    def _wait_for_room(self) -> None:
        if len(self._unread) < self._max_unread:
            return
        self._has_room.clear()
        # Check again: messages may have been taken before the event was cleared.
        if len(self._unread) >= self._max_unread and not self._is_closing:
            self._has_room.wait()
