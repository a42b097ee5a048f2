"""The modes of grpcio: ways to receive a stream of raw messages and to ack each of them."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from threading import Semaphore, Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc
import grpc.aio
from grpc.experimental import ChannelOptions

from benchmarks.modes import Mode
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from wgtwo.events.v1.events_pb2 import StreamConfiguration
from wgtwo.subscription.v1.subscription_events_pb2 import (
    AckHandsetChangeEventRequest,
    StreamHandsetChangeEventsRequest,
    StreamHandsetChangeEventsResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_Options: TypeAlias = "tuple[tuple[str, int], ...]"

_MAX_IN_FLIGHT: Final = 200
_HALF: Final = _MAX_IN_FLIGHT // 2
_PATHS: Final = STREAMS[DEFAULT_EVENT_TYPE]
_REQUEST: Final = StreamHandsetChangeEventsRequest(
    stream_configuration=StreamConfiguration(max_in_flight=_MAX_IN_FLIGHT)
).SerializeToString()
# Otherwise grpcio may share a connection between its two kinds of channel, which fails.
_DEFAULT: Final[_Options] = (("grpc.use_local_subchannel_pool", 1),)
_SINGLE_THREADED: Final[_Options] = (*_DEFAULT, (ChannelOptions.SingleThreadedUnaryStream, 1))
_THREADS: Final = 10


def _ack_request(message: bytes) -> bytes:
    delivery = StreamHandsetChangeEventsResponse.FromString(message)
    return AckHandsetChangeEventRequest(ack_info=delivery.metadata.ack_info).SerializeToString()


@contextmanager
def _stream(
    target: str, events: int, options: _Options
) -> Iterator[tuple[grpc.Channel, Iterator[bytes]]]:
    with grpc.insecure_channel(target, options) as channel:
        method: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            _PATHS.stream_path
        )
        call = method(_REQUEST)
        yield channel, islice(call, events)
        call.cancel()


def _futures(options: _Options, target: str, events: int) -> None:
    """Acks are futures, all on the stream's channel."""
    with _stream(target, events, options) as (channel, messages):
        ack: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_PATHS.ack_path)
        for call in [ack.future(_ack_request(message)) for message in messages]:
            call.result()


def _threads(options: _Options, target: str, events: int) -> None:
    """Acks are blocking calls in a pool of threads."""
    with (
        _stream(target, events, options) as (channel, messages),
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        ack: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_PATHS.ack_path)
        for _ in pool.map(lambda message: ack(_ack_request(message)), messages):
            pass


def _streams(target: str, events: int) -> None:
    """Acks are called as streams, in single-threaded mode, many before the first is read."""
    unread: deque[bytes] = deque()
    arrived = Semaphore(0)

    def receive(messages: Iterator[bytes]) -> None:
        for message in messages:
            unread.append(message)
            arrived.release()

    with (
        _stream(target, events, _SINGLE_THREADED) as (_, messages),
        grpc.insecure_channel(target, _SINGLE_THREADED) as channel,
    ):
        ack: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_PATHS.ack_path)
        receiving = Thread(target=receive, args=(messages,))
        receiving.start()
        acked = 0
        while acked < events:
            arrived.acquire()
            while arrived.acquire(blocking=False):
                pass
            for call in [ack(_ack_request(unread.popleft())) for _ in range(len(unread))]:
                next(call)
                acked += 1
        receiving.join()


def _aio(options: _Options, least: int, target: str, events: int) -> None:
    """A thread receives, an event loop acks in groups of at least ``least``."""
    asyncio.run(_ack_in_loop(options, least, target, events))


async def _ack_in_loop(options: _Options, least: int, target: str, events: int) -> None:
    unread: deque[bytes] = deque()
    loop = asyncio.get_running_loop()
    enough = asyncio.Event()

    def receive(messages: Iterator[bytes]) -> None:
        for message in messages:
            unread.append(message)
            if len(unread) == least:
                loop.call_soon_threadsafe(enough.set)
        loop.call_soon_threadsafe(enough.set)

    with _stream(target, events, options) as (_, messages):
        async with grpc.aio.insecure_channel(target, _DEFAULT) as channel:
            ack: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                _PATHS.ack_path
            )
            receiving = Thread(target=receive, args=(messages,))
            receiving.start()
            acked = 0
            while acked < events:
                while len(unread) < min(least, events - acked):
                    await enough.wait()
                    enough.clear()
                for call in [ack(_ack_request(unread.popleft())) for _ in range(len(unread))]:
                    await call
                    acked += 1
            receiving.join()


def _all_aio(target: str, events: int) -> None:
    """One event loop and one channel do both."""
    asyncio.run(_receive_and_ack_in_loop(target, events))


async def _receive_and_ack_in_loop(target: str, events: int) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            _PATHS.stream_path
        )
        ack: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_PATHS.ack_path)
        stream = method(_REQUEST)
        calls: list[grpc.aio.UnaryUnaryCall[bytes, bytes]] = []
        async for message in stream:
            calls.append(ack(_ack_request(message)))
            if len(calls) == events:
                break
        for call in calls:
            await call
        stream.cancel()


MODES: Final[Mapping[Mode, Callable[[str, int], None]]] = MappingProxyType(
    {
        Mode.ONE_THREAD_AIO_BURSTS: partial(_aio, _SINGLE_THREADED, _HALF),
        Mode.ONE_THREAD_AIO: partial(_aio, _SINGLE_THREADED, 1),
        Mode.ONE_THREAD_STREAMS: _streams,
        Mode.ONE_THREAD_FUTURES: partial(_futures, _SINGLE_THREADED),
        Mode.ONE_THREAD_THREADS: partial(_threads, _SINGLE_THREADED),
        Mode.AIO: _all_aio,
        Mode.DEFAULT_AIO: partial(_aio, _DEFAULT, 1),
        Mode.DEFAULT_FUTURES: partial(_futures, _DEFAULT),
        Mode.DEFAULT_THREADS: partial(_threads, _DEFAULT),
    }
)
"""Functions of a target and a number of events: receive and ack them, raise if an ack fails."""
