"""The modes of grpcio for the bare loop; ``floor_modes`` implements them."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How a stream is received, and how its events are acked."""

    ONE_THREAD_AIO_BURSTS = "single-threaded stream, asyncio acks by the hundred"
    ONE_THREAD_AIO = "single-threaded stream, asyncio acks"
    ONE_THREAD_STREAMS = "single-threaded stream, acks called as streams"
    ONE_THREAD_FUTURES = "single-threaded stream, acks by future"
    ONE_THREAD_THREADS = "single-threaded stream, acks by ten threads"
    AIO = "asyncio stream, asyncio acks"
    DEFAULT_AIO = "default stream, asyncio acks"
    DEFAULT_FUTURES = "default stream, acks by future"
    DEFAULT_THREADS = "default stream, acks by ten threads"
