"""The floor: a bare loop that receives events and acks them, in one of the modes of grpcio.

The modes differ tenfold in CPU time; the cheapest is the floor that a drain is held against.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any, Final

import click
import grpc
import grpc.aio
from grpc.experimental import ChannelOptions

from tests.bench.measured import measured
from wgtwo.events.v1.events_pb2 import StreamConfiguration
from wgtwo.subscription.v1.subscription_events_pb2 import (
    AckHandsetChangeEventRequest,
    StreamHandsetChangeEventsRequest,
    StreamHandsetChangeEventsResponse,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

MAX_IN_FLIGHT: Final = 200
BURST: Final = MAX_IN_FLIGHT // 2
_SERVICE: Final = "/wgtwo.subscription.v1.SubscriptionEventService"
_STREAM: Final = f"{_SERVICE}/StreamHandsetChangeEvents"
_ACK: Final = f"{_SERVICE}/AckHandsetChangeEvent"
_REQUEST: Final = StreamHandsetChangeEventsRequest(
    stream_configuration=StreamConfiguration(max_in_flight=MAX_IN_FLIGHT)
).SerializeToString()
_SINGLE_THREADED: Final = ((ChannelOptions.SingleThreadedUnaryStream, 1),)
_THREADS: Final = 10


def _ack_request(message: bytes) -> bytes:
    delivery = StreamHandsetChangeEventsResponse.FromString(message)
    return AckHandsetChangeEventRequest(ack_info=delivery.metadata.ack_info).SerializeToString()


def _sync_stream(channel: grpc.Channel, events: int) -> Iterator[bytes]:
    stream: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_STREAM)
    call = stream(_REQUEST)
    for _ in range(events):
        yield next(call)
    # The caller acks the last ones before it asks for more, and there is no more.
    call.cancel()
